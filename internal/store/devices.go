package store

import (
	"errors"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/escalation"
)

// knowsDevice reports whether the failure came from a device that the account signs in
// with.
func (t *tx) knowsDevice(f escalation.Failure) (bool, error) {
	if f.Device == (block.Device{}) {
		return false, nil
	}
	return one(t.queries, plain[bool], `SELECT EXISTS (SELECT 1 FROM devices
		WHERE tenant = $1 AND account = $2 AND device = $3 AND seen_at > $4)`,
		f.Tenant, f.Account, f.Device[:], instant(f.Now.Add(-escalation.DeviceLife)))
}

// learnDevice notes where a device was seen, at most once a day and network, and keeps
// the latest of the account's.
func (t *tx) learnDevice(w escalation.Welcome) error {
	if w.Device == (block.Device{}) {
		return nil
	}
	fresh, err := one(t.queries, plain[bool], `SELECT EXISTS (SELECT 1 FROM devices
		WHERE tenant = $1 AND account = $2 AND device = $3 AND network = $4 AND seen_at > $5)`,
		w.Tenant, w.Account, w.Device[:], w.Network, instant(w.Now.Add(-escalation.DeviceGrain)))
	if err != nil || fresh {
		return err
	}
	t.queue(`INSERT INTO devices (tenant, account, device, network, seen_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (tenant, account, device) DO UPDATE SET network = excluded.network, seen_at = excluded.seen_at`,
		w.Tenant, w.Account, w.Device[:], w.Network, instant(w.Now))
	t.queue(`DELETE FROM devices WHERE tenant = $1 AND account = $2 AND device NOT IN (SELECT device FROM devices
		WHERE tenant = $1 AND account = $2 ORDER BY seen_at DESC, device LIMIT CAST($3 AS BIGINT))`,
		w.Tenant, w.Account, escalation.MaxDevices)
	return nil
}

// sparedBy lists the devices that a block lets through: the account's, or those that
// last signed in from the network. A block of a country binds no device at all.
func (t *tx) sparedBy(tenant string, s block.Spec, now time.Time) ([]block.Device, error) {
	const latest = ` AND seen_at > $3 ORDER BY seen_at DESC, device LIMIT CAST($4 AS BIGINT)`
	query, of, most := `SELECT device FROM devices WHERE tenant = $1 AND account = $2`+latest, s.Account, escalation.MaxDevices
	switch s.Scope {
	case block.Network:
		query, of, most = `SELECT device FROM devices WHERE tenant = $1 AND network = $2`+latest, s.Value, escalation.MaxNetworkDevices
	case block.Region:
		return nil, nil
	}
	rows, err := list(t.queries, plain[[]byte], query, tenant, of, instant(now.Add(-escalation.DeviceLife)), most)
	if errors.Is(err, rules.ErrNotFound) {
		return nil, nil
	}
	var devices []block.Device
	for _, row := range rows {
		devices = append(devices, devicesOf(row)...)
	}
	return devices, err
}

// devicesValue is a list of devices as a row keeps it; NULL for none.
func devicesValue(devices []block.Device) []byte {
	var b []byte
	for _, d := range devices {
		b = append(b, d[:]...)
	}
	return b
}

func devicesOf(b []byte) []block.Device {
	var devices []block.Device
	for ; len(b) >= len(block.Device{}); b = b[len(block.Device{}):] {
		devices = append(devices, block.Device(b))
	}
	return devices
}
