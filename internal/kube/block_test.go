package kube

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/policy"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

type edit = func(*v1alpha1.AccountBlock)

func object(name string, edits ...edit) *v1alpha1.AccountBlock {
	ab := &v1alpha1.AccountBlock{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, UID: "uid-1", CreationTimestamp: metav1.NewTime(noon), Generation: 1,
		},
		Spec: v1alpha1.AccountBlockSpec{Account: "a-1", Reason: v1alpha1.BlockReasonUnusualActivity},
	}
	for _, e := range edits {
		e(ab)
	}
	return ab
}

func spec(change func(*v1alpha1.AccountBlockSpec)) edit {
	return func(ab *v1alpha1.AccountBlock) { change(&ab.Spec) }
}

func uid(u types.UID) edit { return func(ab *v1alpha1.AccountBlock) { ab.UID = u } }

func created(t time.Time) edit {
	return func(ab *v1alpha1.AccountBlock) { ab.CreationTimestamp = metav1.NewTime(t) }
}

func deleting(t time.Time) edit {
	return func(ab *v1alpha1.AccountBlock) { ab.DeletionTimestamp = &metav1.Time{Time: t} }
}

func seeds() policy.Block { return policy.Default().Blocks[block.UnusualActivity] }

func TestIntentTakesThePolicysNumbersWhereTheSpecIsSilent(t *testing.T) {
	day := 24 * time.Hour
	both := []block.Step{block.VerifyCode, block.ChangePassword}
	long := policy.Block{Duration: 48 * time.Hour, Steps: both, CodeTo: block.AnyNumber}
	base := block.Spec{Account: "a-1", Reason: block.UnusualActivity, Scope: block.Account, Start: noon, Duration: day, Steps: both, CodeTo: block.SecurityInfo}
	with := func(change func(*block.Spec)) block.Spec {
		s := base
		change(&s)
		return s
	}
	cases := map[string]struct {
		object *v1alpha1.AccountBlock
		policy policy.Block
		want   block.Spec
	}{
		"the seeds' numbers (seed 4, 30)": {object("b"), seeds(), base},
		"the policy's numbers": {object("b"), long, with(func(s *block.Spec) {
			s.Duration, s.CodeTo = 48*time.Hour, block.AnyNumber
		})},
		"a duration of its own": {object("b", spec(func(s *v1alpha1.AccountBlockSpec) { s.Duration = "1h30m" })), long,
			with(func(s *block.Spec) { s.Duration, s.CodeTo = 90*time.Minute, block.AnyNumber })},
		"permanent by the spec (seed 15)": {object("b", spec(func(s *v1alpha1.AccountBlockSpec) { s.Permanent = true })), seeds(),
			with(func(s *block.Spec) { s.Duration, s.Permanent = 0, true })},
		"permanent by the policy (seed 15)": {object("b"), policy.Block{Permanent: true, Steps: both},
			with(func(s *block.Spec) { s.Duration, s.Permanent = 0, true })},
		"a duration beats a permanent policy": {object("b", spec(func(s *v1alpha1.AccountBlockSpec) { s.Duration = "24h" })),
			policy.Block{Permanent: true, Steps: both}, base},
		"no steps at all": {object("b", spec(func(s *v1alpha1.AccountBlockSpec) { s.Release = &v1alpha1.ReleaseSpec{} })), seeds(),
			with(func(s *block.Spec) { s.Steps = nil })},
		"steps in the order in which they are done (seed 4)": {object("b", spec(func(s *v1alpha1.AccountBlockSpec) {
			s.Release = &v1alpha1.ReleaseSpec{Steps: []v1alpha1.ReleaseStep{v1alpha1.StepChangePassword, v1alpha1.StepVerifyCode}}
		})), policy.Block{Duration: day}, base},
		"any number only where the policy allows it (seed 3)": {
			object("b", spec(func(s *v1alpha1.AccountBlockSpec) { s.CodeTo = v1alpha1.CodeToAnyNumber })), seeds(), base},
		"security info though the policy allows any number": {
			object("b", spec(func(s *v1alpha1.AccountBlockSpec) { s.CodeTo = v1alpha1.CodeToSecurityInfo })), long,
			with(func(s *block.Spec) { s.Duration = 48 * time.Hour })},
		"a start before the creation": {object("b", spec(func(s *v1alpha1.AccountBlockSpec) {
			s.StartTime = &metav1.Time{Time: noon.Add(-time.Hour)}
		})), seeds(), with(func(s *block.Spec) { s.Start = noon.Add(-time.Hour) })},
		"a start after the creation is no start": {object("b", spec(func(s *v1alpha1.AccountBlockSpec) {
			s.StartTime = &metav1.Time{Time: noon.Add(time.Hour)}
		})), seeds(), base},
		"a network has nobody to release it (seed 29)": {object("b", spec(func(s *v1alpha1.AccountBlockSpec) {
			s.Account, s.Scope, s.Value = "", v1alpha1.ScopeNetwork, "192.0.2.0/24"
		})), seeds(), with(func(s *block.Spec) {
			s.Account, s.Scope, s.Value, s.Steps = "", block.Network, "192.0.2.0/24", nil
		})},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			intent, err := ReadIntent(c.object)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, intent.Fill(c.policy)); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIntentRefusesWhatCannotBeEnforced(t *testing.T) {
	for _, d := range []v1alpha1.Duration{"1d", "0s", "169h", "999999h999999h99", "999999h999999h", "-1h"} {
		if _, err := ReadIntent(object("b", spec(func(s *v1alpha1.AccountBlockSpec) { s.Duration = d }))); err == nil {
			t.Errorf("duration %q was taken", d)
		}
	}
	if _, err := ReadIntent(object("b", spec(func(s *v1alpha1.AccountBlockSpec) {
		s.Account, s.Scope, s.Value = "", v1alpha1.ScopeNetwork, "192.0.2.0/33"
	}))); err == nil {
		t.Error("a network of 33 bits was taken")
	}
}

// law 1: a policy edit, a restore and a later creation change nothing that was frozen.
func TestIntentAdoptsWhatWasFrozen(t *testing.T) {
	intent, err := ReadIntent(object("b", uid("uid-2"), created(noon.Add(10*time.Hour))))
	if err != nil {
		t.Fatal(err)
	}
	frozen := block.NewRecord(block.Key{Tenant: "shop", Name: "b"}, "uid-1", block.Spec{
		Account: "a-1", Reason: block.UnusualActivity, Scope: block.Account, Start: noon,
		Duration: 24 * time.Hour, Steps: []block.Step{block.VerifyCode}, CodeTo: block.SecurityInfo,
	})
	edited := policy.Block{Duration: 72 * time.Hour, Permanent: true, CodeTo: block.AnyNumber}
	if diff := cmp.Diff(frozen.Spec, intent.Spec("uid-2", &frozen, edited)); diff != "" {
		t.Errorf("a restored object (-want +got):\n%s", diff)
	}
	frozen.Deleted = true
	if got := intent.Spec("uid-2", &frozen, edited); !got.Permanent || !got.Start.Equal(noon.Add(10*time.Hour)) {
		t.Errorf("a new incarnation begins anew from the policy, got %+v", got)
	}
}

// law 1: earliest start, latest end, permanence and a terminal fact win.
func TestMemoryOfAStatus(t *testing.T) {
	s := block.Spec{Account: "a-1", Scope: block.Account, Start: noon, Duration: 24 * time.Hour}
	record := block.NewRecord(block.Key{Tenant: "shop", Name: "b"}, "uid-1", s)
	stamp := func(t time.Time) *metav1.Time { return &metav1.Time{Time: t} }
	cases := map[string]struct {
		status v1alpha1.AccountBlockStatus
		want   func(*block.Record)
	}{
		"an empty status": {v1alpha1.AccountBlockStatus{}, func(*block.Record) {}},
		"a later end and an earlier start": {
			v1alpha1.AccountBlockStatus{State: v1alpha1.BlockActive, StartTime: stamp(noon.Add(-time.Hour)), ExpiresTime: stamp(noon.Add(30 * time.Hour)), Extensions: 2},
			func(r *block.Record) {
				r.Spec.Start, r.Expires, r.Extensions = noon.Add(-time.Hour), noon.Add(30*time.Hour), 2
			}},
		"an earlier end and a later start": {
			v1alpha1.AccountBlockStatus{State: v1alpha1.BlockActive, StartTime: stamp(noon.Add(time.Hour)), ExpiresTime: stamp(noon.Add(time.Hour))},
			func(*block.Record) {}},
		"permanent": {
			v1alpha1.AccountBlockStatus{State: v1alpha1.BlockActive, StartTime: stamp(noon)},
			func(r *block.Record) { r.Spec.Permanent, r.Expires = true, time.Time{} }},
		"released": {
			v1alpha1.AccountBlockStatus{State: v1alpha1.BlockReleased, StartTime: stamp(noon), ExpiresTime: stamp(noon.Add(24 * time.Hour)), FinishedTime: stamp(noon.Add(time.Hour))},
			func(r *block.Record) { r.End = block.End{State: block.Released, At: noon.Add(time.Hour)} }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			want := record
			c.want(&want)
			if diff := cmp.Diff(want, ReadMemory(c.status).Into(record)); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
		})
	}
	ended := record
	ended.End = block.End{State: block.Released, At: noon}
	open := v1alpha1.AccountBlockStatus{State: v1alpha1.BlockActive, StartTime: stamp(noon), ExpiresTime: stamp(noon.Add(99 * time.Hour))}
	if got := ReadMemory(open).Into(ended); got.End.State != block.Released || !got.Expires.Equal(ended.Expires) {
		t.Errorf("a status that lags behind revived the block: %+v", got)
	}
}
