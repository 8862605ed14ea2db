// Package block holds the rules of a timed account block: when it starts, how
// attempts lengthen it, what releases it and when it ends by itself.
package block

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Reason says why an account, method, network or region is blocked (seed 27).
type Reason string

// The reasons of a block.
const (
	UnusualActivity    Reason = "UnusualActivity"
	HighRequestVolume  Reason = "HighRequestVolume"
	TermsOfService     Reason = "TermsOfService"
	CompromisedTraffic Reason = "CompromisedTraffic"
	Administrative     Reason = "Administrative"
)

// Scope says what a block binds (seed 28, 29, 16).
type Scope string

// The scopes of a block.
const (
	Account Scope = "Account"
	Method  Scope = "Method"
	Network Scope = "Network"
	Region  Scope = "Region"
)

// Step is one thing that the person does to be released (seed 4).
type Step string

// The release steps, in the order in which they are done.
const (
	VerifyCode     Step = "VerifyCode"
	ChangePassword Step = "ChangePassword"
)

// CodeTo says where the code of an unblock may go (seed 3).
type CodeTo string

// The destinations of an unblock code.
const (
	SecurityInfo CodeTo = "SecurityInfo"
	AnyNumber    CodeTo = "AnyNumber"
)

// State is where a block stands.
type State string

// The states of a block.
const (
	Active    State = "Active"
	Releasing State = "Releasing"
	Released  State = "Released"
	Expired   State = "Expired"
	Revoked   State = "Revoked"
)

// Terminal reports whether a block in this state is over for good.
func (s State) Terminal() bool { return s == Released || s == Expired || s == Revoked }

const (
	// MaxLength is how far from its start attempts lengthen a block (seed 30).
	MaxLength = 168 * time.Hour
	// ReleaseWindow is how long a proved code lets the same flow finish.
	ReleaseWindow = 15 * time.Minute
	// EnteredNumberRestriction is how long payments stay denied after a release
	// through a number that proves no owner.
	EnteredNumberRestriction = 720 * time.Hour
	// extensionGrain divides the duration: expiry moves in these steps only.
	extensionGrain = 24
)

// Key names a block: a tenant is a namespace.
type Key struct{ Tenant, Name string }

// String returns tenant/name.
func (k Key) String() string { return k.Tenant + "/" + k.Name }

// Spec is the intent of a block, frozen at its first record.
type Spec struct {
	// Account is the IdP's stable subject ID; empty for Network and Region.
	Account string
	Reason  Reason
	Scope   Scope
	// Value is the method, the CIDR or address, or the ISO country of the scope.
	Value string
	// Start is when the block begins: spec.startTime where it lies before the
	// object's creation, else the creation.
	Start time.Time
	// Duration counts from Start; meaningless where Permanent.
	Duration  time.Duration
	Permanent bool
	// Steps release the block when all are done; none means nobody releases it.
	Steps  []Step
	CodeTo CodeTo
}

// End is a terminal fact. The zero End means the block is open.
type End struct {
	State State
	At    time.Time
	// EnteredNumber marks a release through a number that proves no owner.
	EnteredNumber bool
}

// Proof is a code accepted for this block.
type Proof struct {
	// Flow is the flow that proved it: nobody else may finish with it.
	Flow string
	At   time.Time
	// EnteredNumber marks a code that went to a number outside the security info.
	EnteredNumber bool
}

// Record is what the store remembers of a block: frozen spec and facts.
type Record struct {
	Key  Key
	UID  string
	Spec Spec
	// Expires is the end so far, zero for a permanent block.
	Expires    time.Time
	Extensions int
	Proof      Proof
	End        End
	// Deleted says that the object's deletion was seen: this incarnation is over.
	Deleted bool
	// Spared are the devices that a block of Holdfast's own lets through.
	Spared []Device
}

// NewRecord is the first record of a block: nothing has happened yet.
func NewRecord(key Key, uid string, spec Spec) Record {
	r := Record{Key: key, UID: uid, Spec: spec}
	if !spec.Permanent {
		r.Expires = spec.Start.Add(spec.Duration)
	}
	return r
}

// Merge takes a later sight of the same block into the record: earliest start,
// latest end and permanence win (law 1); everything else stays frozen. Only after
// a deletion was seen does another UID begin a new incarnation.
func (r Record) Merge(uid string, spec Spec) Record {
	if r.Deleted && uid != r.UID {
		return NewRecord(r.Key, uid, spec)
	}
	if spec.Start.Before(r.Spec.Start) {
		r.Spec.Start = spec.Start
	}
	if r.End.State.Terminal() {
		return r
	}
	if spec.Permanent {
		r.Spec.Permanent, r.Expires = true, time.Time{}
	}
	if !r.Spec.Permanent {
		r.Spec.Duration = max(r.Spec.Duration, spec.Duration)
		r.Expires = latest(r.Expires, spec.Start.Add(spec.Duration))
	}
	return r
}

// Drifted reports whether spec differs from the frozen one in what never changes.
func (r Record) Drifted(spec Spec) bool {
	return spec.Account != r.Spec.Account || spec.Reason != r.Spec.Reason ||
		spec.Scope != r.Spec.Scope || spec.Value != r.Spec.Value ||
		spec.CodeTo != r.Spec.CodeTo || !slices.Equal(spec.Steps, r.Spec.Steps)
}

// State is where the block stands at now. A block is over at the very instant of
// its expiry.
func (r Record) State(now time.Time) State {
	switch {
	case r.End.State != "":
		return r.End.State
	case !r.Spec.Permanent && !now.Before(r.Expires):
		return Expired
	case r.proofHolds(now):
		return Releasing
	default:
		return Active
	}
}

// Enforced reports whether the block binds at now.
func (r Record) Enforced(now time.Time) bool {
	return !r.State(now).Terminal() && !now.Before(r.Spec.Start)
}

// Lengthen counts an attempt during the block (seed 30): the end moves to
// max(current, min(start+within, attempt+duration)), rounded up to duration/24
// within that cap, which is at most MaxLength. It reports whether the end moved.
func (r Record) Lengthen(attempt time.Time, within time.Duration) (Record, bool) {
	if r.Spec.Permanent || !r.Enforced(attempt) {
		return r, false
	}
	end := attempt.Add(r.Spec.Duration)
	if grain := r.Spec.Duration / extensionGrain; grain > 0 {
		since := end.Sub(r.Spec.Start)
		end = r.Spec.Start.Add((since + grain - 1) / grain * grain)
	}
	if limit := r.Spec.Start.Add(min(within, MaxLength)); end.After(limit) {
		end = limit
	}
	if !end.After(r.Expires) {
		return r, false
	}
	r.Expires, r.Extensions = end, r.Extensions+1
	return r, true
}

// Remaining lists the steps that flow has still to do at now. Without a proof of
// its own a flow has them all before it.
func (r Record) Remaining(flow string, now time.Time) []Step {
	if r.proofHolds(now) && r.Proof.Flow == flow {
		return slices.DeleteFunc(slices.Clone(r.Spec.Steps), func(s Step) bool { return s == VerifyCode })
	}
	return r.Spec.Steps
}

// Releasable reports whether the person can release this block at all.
func (r Record) Releasable() bool { return len(r.Spec.Steps) > 0 }

// Wake is the next instant at which State changes by itself; zero if never.
func (r Record) Wake(now time.Time) time.Time {
	switch r.State(now) {
	case Releasing:
		return earliest(r.Proof.At.Add(ReleaseWindow), r.Expires)
	case Active:
		return r.Expires
	default:
		return time.Time{}
	}
}

// Matches reports whether a block of this spec binds a request made with method,
// from network (an address; may be invalid) and country (ISO 3166 alpha-2).
func (s Spec) Matches(method string, network netip.Addr, country string) bool {
	switch s.Scope {
	case Account:
		return true
	case Method:
		return strings.EqualFold(s.Value, method)
	case Network:
		prefix, err := ParseNetwork(s.Value)
		return err == nil && prefix.Contains(network.Unmap())
	case Region:
		return strings.EqualFold(s.Value, country)
	default:
		return false
	}
}

// ParseNetwork reads a CIDR prefix, or an address as the prefix of itself alone.
// IPv4 written as IPv6 (::ffff:192.0.2.0/120) is IPv4.
func ParseNetwork(value string) (netip.Prefix, error) {
	if strings.Contains(value, "/") {
		p, err := netip.ParsePrefix(value)
		if bits := p.Bits() - 96; p.Addr().Is4In6() && bits >= 0 {
			p = netip.PrefixFrom(p.Addr().Unmap(), bits)
		}
		return p.Masked(), err
	}
	addr, err := netip.ParseAddr(value)
	if err != nil {
		return netip.Prefix{}, err
	}
	addr = addr.Unmap()
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

func (r Record) proofHolds(now time.Time) bool {
	return !r.Proof.At.IsZero() && now.Before(r.Proof.At.Add(ReleaseWindow))
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// earliest ignores zero instants, which mean never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
