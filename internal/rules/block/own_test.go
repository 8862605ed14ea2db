package block

import (
	"testing"
	"time"
)

// Replicas and retries agree on the name; whoever reads it learns nothing.
func TestOwnName(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 10, 0, 0, time.UTC)
	s := Spec{Account: "anna", Reason: HighRequestVolume, Scope: Method, Value: "SMS", Start: at, Duration: time.Hour}
	name := OwnName(s)
	if !(Key{"shop", name}).Own() || len(name) > 63 {
		t.Errorf("name %q", name)
	}
	same, zone := s, s
	same.Start, same.Value, same.Duration = at.Add(49*time.Minute), "sms", 2*time.Hour
	zone.Start = at.In(time.FixedZone("", 3600))
	for _, alike := range []Spec{same, zone} {
		if OwnName(alike) != name {
			t.Errorf("%+v is named otherwise", alike)
		}
	}
	for _, edit := range []func(*Spec){
		func(s *Spec) { s.Account = "ann" }, func(s *Spec) { s.Reason = UnusualActivity }, func(s *Spec) { s.Scope = Account },
		func(s *Spec) { s.Value = "Voice" }, func(s *Spec) { s.Start = at.Add(50 * time.Minute) },
	} {
		other := s
		edit(&other)
		if OwnName(other) == name {
			t.Errorf("%+v is named alike", other)
		}
	}
}

// O1: a block of Holdfast's own lets devices through that were known before.
func TestSpares(t *testing.T) {
	known := DeviceOf("shop", "anna", "laptop")
	r := Record{Key: Key{"shop", OwnPrefix + "x"}, Spared: []Device{known}}
	if !r.Spares(known) {
		t.Error("the known device is bound")
	}
	for _, stranger := range []Device{{}, DeviceOf("shop", "anna", "phone"), DeviceOf("shop", "bert", "laptop"), DeviceOf("bank", "anna", "laptop")} {
		if r.Spares(stranger) {
			t.Errorf("device %x passes", stranger)
		}
	}
	if DeviceOf("shop", "anna", "") != (Device{}) {
		t.Error("no device is one")
	}
	if r.Key.Name = "applied"; r.Spares(known) {
		t.Error("an applied block spares a device")
	}
}
