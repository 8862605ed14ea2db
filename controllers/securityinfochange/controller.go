// Package securityinfochange records SecurityInfoChanges in the store, lets their holds
// run out, has their notices told and mirrors what the store knows into their status. A
// change that a person made at the pages gets its object here.
package securityinfochange

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// Store is what the controller needs of the memory.
type Store interface {
	// Change reads a record, or rules.ErrNotFound.
	Change(ctx context.Context, key change.Key) (change.Record, error)
	// OpenChanges are the open changes of an account.
	OpenChanges(ctx context.Context, tenant, account string) ([]change.Record, error)
	// Restricting are the changes that restrict an account at now or may come to do so.
	Restricting(ctx context.Context, tenant, account string, now time.Time) ([]change.Record, error)
	Book(ctx context.Context, tenant, account string) (contact.Book, error)
	// FreezeChange records a change at its first sight; AdoptChange also takes in what the
	// status remembers.
	FreezeChange(ctx context.Context, seen change.Sight) (change.Record, error)
	AdoptChange(ctx context.Context, seen change.Sight, remembered change.Memory) (change.Record, error)
	// VisitChange does what is due at an instant, ApplyChange applies after the hold.
	VisitChange(ctx context.Context, v change.Visit) (change.Record, error)
	ApplyChange(ctx context.Context, key change.Key, clocks change.Clocks) (change.Record, error)
	DeleteChange(ctx context.Context, v change.Visit, uid string) (change.Record, error)
	// Wakes lists when each open change calls for something by itself.
	Wakes(ctx context.Context) ([]change.Wake, error)
	// EndedOwn lists the pages' changes that have ended and were not deleted.
	EndedOwn(ctx context.Context) ([]change.Key, error)
	// Clock is the database's.
	Clock(ctx context.Context) (time.Time, error)
}

// Policies resolves the policy of an account.
type Policies interface {
	For(tenant, account string) policy.Policy
}

// Contacts reads a new contact, as the pages do. *flow.Desk satisfies it.
type Contacts interface {
	ReadContact(ctx context.Context, in flow.NewContact) (contact.Contact, change.Reason, error)
}

// Clock is one that is compared before a hold ends (law 11).
type Clock interface {
	Now(ctx context.Context) (time.Time, error)
}

// Wakes tells of changed records and policies. *kube.Feed satisfies it.
type Wakes interface {
	OnChange(ctx context.Context, tell func(change.Record))
	OnPolicy(ctx context.Context, wake func(tenant string))
	WaitForPolicies(ctx context.Context) error
}

// Controller reconciles SecurityInfoChanges.
type Controller struct {
	Client client.Client
	// Secrets reads the addresses of new contacts, past every cache.
	Secrets   client.Reader
	Store     Store
	Policies  Policies
	Contacts  Contacts
	Wakes     Wakes
	APIServer Clock
	Identity  Identity
	Now       func() time.Time
	Recorder  events.EventRecorder
}

// Reconcile takes one change one step further. A record of the pages that has no object
// yet gets one.
func (c *Controller) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	sic := &v1alpha1.SecurityInfoChange{}
	switch err := c.Client.Get(ctx, request.NamespacedName, sic); {
	case apierrors.IsNotFound(err):
		return reconcile.Result{}, c.create(ctx, change.Key{Tenant: request.Namespace, Name: request.Name})
	case err != nil:
		return reconcile.Result{}, err
	case !sic.DeletionTimestamp.IsZero():
		return kube.Again(c.finalize(ctx, sic))
	}
	if err := c.ensureFinalizer(ctx, sic); err != nil {
		return kube.Again(err)
	}
	before := sic.DeepCopy()
	s := &scope{object: sic, now: c.Now()}
	err := s.run(ctx, c.gather, c.freeze, c.settle, c.follow)
	s.report(err)
	wrote, patchErr := kube.PatchStatus(ctx, c.Client, before, sic)
	if patchErr != nil {
		return kube.Again(patchErr)
	}
	if wrote {
		c.announce(before, sic)
	}
	return c.outcome(ctx, s, err)
}

// scope is one pass over one change, with one now.
type scope struct {
	object *v1alpha1.SecurityInfoChange
	now    time.Time
	policy policy.Policy
	// spec is the object's, its new contacts as their Secrets tell.
	spec change.Spec
	// addresses are those of the new contacts, by ID, at the first sight alone.
	addresses map[string]string
	// refused is why a new contact is none.
	refused change.Reason
	// known says that the store has the change; record is what it knows, remembered what
	// the status tells of it.
	known      bool
	record     change.Record
	remembered change.Memory
	// contested, skewed and early keep a hold from ending.
	contested, skewed, early bool
	// frozen is what keeps the change from being proven; nil where nothing does.
	frozen *change.FrozenError
	// ownDomain says that a new address lies with the account's own provider (seed 24).
	ownDomain bool
	// told is what became of telling the IdP of a cancellation; empty where nothing is told.
	told string
}

func (s *scope) run(ctx context.Context, phases ...func(context.Context, *scope) error) error {
	for _, phase := range phases {
		if err := phase(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (s *scope) key() change.Key { return kube.KeyOfChange(s.object) }

func (s *scope) uid() string { return string(s.object.UID) }
