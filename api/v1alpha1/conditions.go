package v1alpha1

// Conditions of every kind, in the kstatus style.
const (
	// ConditionReady is present from the first visit on. True means that the spec is
	// enforced, also while a block is Active or a change is AwaitingCode or OnHold: a
	// pipeline must not wait 30 days.
	ConditionReady = "Ready"

	// ConditionStalled is True where only a change of the object, its policy or a Secret
	// helps. It implies Ready False.
	ConditionStalled = "Stalled"
)

// Reasons of Ready that any kind may show.
const (
	// ReasonReconciling surfaces with Ready Unknown on the first visit, before the facts
	// are known.
	ReasonReconciling = "Reconciling"

	// ReasonEnforced surfaces with Ready True while the spec is enforced.
	ReasonEnforced = "Enforced"

	// ReasonShadow surfaces with Ready True where the policy's mode is Shadow: decided and
	// counted, enforced nowhere. A change on hold waits all the same; what it restricts is
	// allowed.
	ReasonShadow = "Shadow"

	// ReasonStoreUnavailable surfaces with Ready False while the store cannot be reached
	// or is locked or full. Blocks stay enforced from the index.
	ReasonStoreUnavailable = "StoreUnavailable"

	// ReasonClockSkew surfaces with Ready False where the clocks of the process, the
	// apiserver and the database are more than 30 s apart and a hold is about to end: it
	// waits (law 11).
	ReasonClockSkew = "ClockSkew"
)

// Reasons of Stalled that any kind may show. Ready False carries the same reason.
const (
	// ReasonNotStalled surfaces with Stalled False.
	ReasonNotStalled = "NotStalled"

	// ReasonSpecDrifted surfaces where the spec differs from the one that was frozen at
	// the first visit in what must not change; the frozen one is enforced (law 1).
	ReasonSpecDrifted = "SpecDrifted"

	// ReasonInvalidSpec surfaces where the spec passed admission but cannot be enforced;
	// the message says which field.
	ReasonInvalidSpec = "InvalidSpec"
)

// Conditions of VerificationPolicy.
const (
	// ConditionAccepted is True where no other policy of the namespace holds one of this
	// policy's patterns.
	ConditionAccepted = "Accepted"

	// ConditionProvidersReady is True where every provider is usable.
	ConditionProvidersReady = "ProvidersReady"

	// ConditionDelivering is False where a region's codes are slowed or stopped, or
	// messages of the namespace were given up.
	ConditionDelivering = "Delivering"

	// ConditionTestNumbers is True where spec.testing lists numbers that are in use, False
	// where it lists some that are not; absent elsewhere.
	ConditionTestNumbers = "TestNumbers"

	// ConditionHostsGranted is False where the installation does not grant one of
	// spec.hosts to the namespace.
	ConditionHostsGranted = "HostsGranted"
)

// Reasons of Accepted.
const (
	// ReasonAccepted surfaces with Accepted True.
	ReasonAccepted = "Accepted"

	// ReasonConflicted surfaces with Accepted False where a policy of a lesser name holds
	// one of the patterns; status.conflictsWith lists them.
	ReasonConflicted = "Conflicted"
)

// Reasons of ProvidersReady.
const (
	// ReasonProvidersReady surfaces with True: each Secret is complete and each endpoint
	// answered and took the credentials.
	ReasonProvidersReady = "ProvidersReady"

	// ReasonNoProviders surfaces with False where the policy lists none: blocks end by
	// time alone.
	ReasonNoProviders = "NoProviders"

	// ReasonSecretNotFound surfaces with False where a named Secret does not exist.
	ReasonSecretNotFound = "SecretNotFound"

	// ReasonSecretInvalid surfaces with False where a Secret has the wrong type or lacks a
	// key; the message names the key and never a value.
	ReasonSecretInvalid = "SecretInvalid"

	// ReasonEndpointNotAllowed surfaces with False where the endpoint in a Secret is not on
	// the installation's allow-list.
	ReasonEndpointNotAllowed = "EndpointNotAllowed"

	// ReasonCredentialsRefused surfaces with False where a provider answered and refused
	// the credentials.
	ReasonCredentialsRefused = "CredentialsRefused"

	// ReasonProviderUnreachable surfaces with False where a provider does not answer, or
	// not in time.
	ReasonProviderUnreachable = "ProviderUnreachable"

	// ReasonProviderFailing surfaces with False where a provider takes the check and a
	// courier's messages fail there, whichever replica saw it.
	ReasonProviderFailing = "ProviderFailing"

	// ReasonTypeNotSupported surfaces with False where this release has no driver for a
	// provider's type.
	ReasonTypeNotSupported = "TypeNotSupported"
)

// Reasons of Delivering.
const (
	// ReasonDelivering surfaces with True.
	ReasonDelivering = "Delivering"

	// ReasonRegionSlowed surfaces with False where fewer codes of a country are verified
	// than the policy's line and the waits there are longer (seed 16).
	ReasonRegionSlowed = "RegionSlowed"

	// ReasonRegionStopped surfaces with False where a Region block stops a country's codes.
	ReasonRegionStopped = "RegionStopped"

	// ReasonMessagesGivenUp surfaces with False where messages of the namespace were
	// given up within 24 hours for another cause than a refused destination.
	ReasonMessagesGivenUp = "MessagesGivenUp"
)

// Reasons of TestNumbers and HostsGranted.
const (
	// ReasonTestNumbersListed surfaces with TestNumbers True. SecretNotFound and
	// SecretInvalid surface with False: no code of a test number is right then.
	ReasonTestNumbersListed = "TestNumbersListed"

	// ReasonTestNumbersIgnored surfaces with TestNumbers False where the numbers stand
	// beside real providers in mode Enforce and testing.inEnforce is not set: they are
	// numbers like any other.
	ReasonTestNumbersIgnored = "TestNumbersIgnored"

	// ReasonHostsGranted surfaces with HostsGranted True.
	ReasonHostsGranted = "HostsGranted"

	// ReasonHostNotGranted surfaces with HostsGranted False; a request for that host gets
	// 421.
	ReasonHostNotGranted = "HostNotGranted"
)

// ConditionReleasable of AccountBlock is True where the person can release the block now.
const ConditionReleasable = "Releasable"

// Reasons of Releasable.
const (
	// ReasonStepsLeft surfaces with True: status.remainingSteps says what is left to do.
	ReasonStepsLeft = "StepsLeft"

	// ReasonNoSteps surfaces with False where nobody is released before the time is over.
	ReasonNoSteps = "NoSteps"

	// ReasonNoChannel surfaces with False where the policy has no provider by which a code
	// could be sent. Recovery stays open.
	ReasonNoChannel = "NoChannel"

	// ReasonFinished surfaces with False once the block is over.
	ReasonFinished = "Finished"
)

// Reasons of Ready of a finished AccountBlock; Ready is True.
const (
	// ReasonReleased surfaces once the person did every step.
	ReasonReleased = "Released"

	// ReasonExpired surfaces once the time is over; also on a change and a request that
	// were not proven or decided in time.
	ReasonExpired = "Expired"

	// ReasonRevoked surfaces once the block was deleted or ended by another fact.
	ReasonRevoked = "Revoked"
)

// Conditions of SecurityInfoChange.
const (
	// ConditionOwnDomain is True where a contact lies at one of the policy's own domains:
	// it works, another provider is advised (seed 24).
	ConditionOwnDomain = "OwnDomain"

	// ConditionContested is True where two replacements of one account are on hold: neither
	// applies before one is cancelled or reviewed.
	ConditionContested = "Contested"

	// ConditionIdentityTold is True once the IdP has ended the account's sessions and asks
	// for a new password, after a code cancelled a hold; absent elsewhere.
	ConditionIdentityTold = "IdentityTold"
)

// Reasons of IdentityTold.
const (
	// ReasonSessionsEnded surfaces with True.
	ReasonSessionsEnded = "SessionsEnded"

	// ReasonNoAdapter surfaces with False where the policy has no identity.adapter: end the
	// account's sessions at the IdP yourself.
	ReasonNoAdapter = "NoAdapter"

	// ReasonIdentityUnreachable surfaces with False where the IdP refused or did not answer;
	// it is told again for 24 hours.
	ReasonIdentityUnreachable = "IdentityUnreachable"
)

// Reasons of OwnDomain and Contested.
const (
	// ReasonSameProvider surfaces with OwnDomain True.
	ReasonSameProvider = "SameProvider"

	// ReasonCompetingChange surfaces with Contested True, and as the reason of Ready.
	ReasonCompetingChange = "CompetingChange"

	// ReasonNotContested surfaces with Contested False.
	ReasonNotContested = "NotContested"
)

// Reasons of Ready of a SecurityInfoChange.
const (
	// ReasonAwaitingCode surfaces with True while a proof of the person is missing.
	ReasonAwaitingCode = "AwaitingCode"

	// ReasonOnHold surfaces with True while the hold runs (seed 32, 33, 53).
	ReasonOnHold = "OnHold"

	// ReasonApplied surfaces with True once the contacts are changed.
	ReasonApplied = "Applied"

	// ReasonCancelled surfaces with True once the change was cancelled (seed 34).
	ReasonCancelled = "Cancelled"

	// ReasonVoIPRefused surfaces with False where a new number is an internet number and
	// the policy refuses those (seed 20).
	ReasonVoIPRefused = "VoIPRefused"

	// ReasonNumberRefused surfaces with False where a new number is premium, shared-cost,
	// a pager or in a country that is not allowed (T1, T5).
	ReasonNumberRefused = "NumberRefused"

	// ReasonAddressInvalid surfaces with False where a new address is not one (seed 55).
	ReasonAddressInvalid = "AddressInvalid"

	// ReasonNotTheirs surfaces with False where whoever gets messages at a new contact says
	// that the account is not theirs.
	ReasonNotTheirs = "NotTheirs"

	// ReasonUnknownContact surfaces with False where the account has no such contact.
	ReasonUnknownContact = "UnknownContact"

	// ReasonTooManyContacts surfaces with False over the policy's securityInfo.maxContacts.
	ReasonTooManyContacts = "TooManyContacts"

	// ReasonClearNotAllowed surfaces with False where the policy has no
	// securityInfo.clear or its accounts are Personal (seed 44, 45).
	ReasonClearNotAllowed = "ClearNotAllowed"

	// ReasonAwaitingRequester surfaces with True while a Clear waits for another requester
	// or for the person's own loss report (seed 45, 46).
	ReasonAwaitingRequester = "AwaitingRequester"
)

// ConditionAnswered of RecoveryRequest is True once the person was answered at the contact
// given, False past respondByTime without an answer (seed 10).
const ConditionAnswered = "Answered"

// Reasons of Answered.
const (
	// ReasonAnswerSent surfaces with True.
	ReasonAnswerSent = "AnswerSent"

	// ReasonAnswerDue surfaces with Unknown before respondByTime.
	ReasonAnswerDue = "AnswerDue"

	// ReasonAnswerLate surfaces with False after respondByTime.
	ReasonAnswerLate = "AnswerLate"
)

// Reasons of Ready of a RecoveryRequest; Ready is True.
const (
	// ReasonSubmitted surfaces while the contact or the evidence is missing.
	ReasonSubmitted = "Submitted"

	// ReasonUnderReview surfaces while reviewers may decide.
	ReasonUnderReview = "UnderReview"

	// ReasonApproved surfaces between the last approval and the change on hold.
	ReasonApproved = "Approved"

	// ReasonCompleted surfaces once the change applied.
	ReasonCompleted = "Completed"

	// ReasonDenied surfaces once a reviewer denied the request (seed 64).
	ReasonDenied = "Denied"
)

const (
	// Finalizer lets Holdfast see a deletion; it needs only a commit in the store, so
	// namespaces terminate while IdP, policy and Secrets are gone.
	Finalizer = "holdfast.dev/memory"

	// LabelTenant with the value "true" marks a namespace that is granted to a running
	// Holdfast: config/mutation takes effect there.
	LabelTenant = "holdfast.dev/tenant"

	// LabelCreatedBy marks objects that Holdfast itself created, which go after the
	// policy's retention. Its value is LabelCreatedByHoldfast.
	LabelCreatedBy = "holdfast.dev/created-by"

	// LabelCreatedByHoldfast is the value of LabelCreatedBy.
	LabelCreatedByHoldfast = "holdfast"
)
