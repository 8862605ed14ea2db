package main

import (
	"errors"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"holdfast.dev/holdfast/controllers/accountblock"
	"holdfast.dev/holdfast/controllers/ownblock"
	"holdfast.dev/holdfast/controllers/securityinfochange"
	"holdfast.dev/holdfast/controllers/verificationpolicy"
	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/deliver"
	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/identity"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/store"
)

// controllers are what a leader runs.
type controllers struct {
	memory   *store.Store
	desk     *flow.Desk
	policies *kube.Policies
	secrets  kube.Secrets
	// secretObjects tells of changed Secrets.
	secretObjects cache.Cache
	feed          *kube.Feed
	dispatcher    *deliver.Dispatcher
	tenants       kube.Tenants
}

func (c controllers) setup(manager ctrl.Manager) error {
	recorder := manager.GetEventRecorder("holdfast")
	apiserver, err := kube.NewAPIServerClock(manager.GetConfig())
	if err != nil {
		return err
	}
	return errors.Join(
		(&accountblock.Controller{
			Client: manager.GetClient(), Store: c.memory, Policies: c.policies, Wakes: c.feed,
			Now: clock.Wall, Recorder: recorder,
		}).SetupWithManager(manager),
		(&securityinfochange.Controller{
			Client: manager.GetClient(), Secrets: manager.GetAPIReader(), Store: c.memory, Policies: c.policies, Contacts: c.desk,
			Wakes: c.feed, APIServer: apiserver, Identity: c.desk.Identity, Now: clock.Wall, Recorder: recorder,
		}).SetupWithManager(manager),
		(&ownblock.Controller{
			Client: manager.GetClient(), Store: c.memory, Wakes: c.feed, Now: clock.Wall,
		}).SetupWithManager(manager),
		(&verificationpolicy.Controller{
			Client: manager.GetClient(), Tenants: c.tenants, Secrets: c.secrets, SecretInformers: c.secretObjects, Checker: c.dispatcher,
			ValidateProvider: deliver.Validate, ValidateAdapter: identity.Validate,
			Outbox: c.memory, Health: c.memory, Now: clock.Wall, Recorder: recorder,
		}).SetupWithManager(manager),
	)
}
