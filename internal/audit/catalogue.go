package audit

import "slices"

// Action is what was done. The set is closed: every action is described in Actions.
type Action string

// The actions.
const (
	KeyCreate   Action = "key.create"
	KeyLimits   Action = "key.limits"
	KeyRollover Action = "key.rollover"
	KeyRevoke   Action = "key.revoke"

	TenantCreate  Action = "tenant.create"
	TenantUpdate  Action = "tenant.update"
	TenantSuspend Action = "tenant.suspend"
	TenantResume  Action = "tenant.resume"
	PlanPut       Action = "plan.put"
	QuotaSet      Action = "quota.set"
	QuotaClear    Action = "quota.clear"

	SignIn           Action = "operator.sign_in"
	SignOut          Action = "operator.sign_out"
	OperatorCreate   Action = "operator.create"
	OperatorUpdate   Action = "operator.update"
	OperatorPassword Action = "operator.password"
	OperatorTOTP     Action = "operator.totp"

	WebhookCreate Action = "webhook.create"
	WebhookUpdate Action = "webhook.update"
	WebhookDelete Action = "webhook.delete"
	WebhookRotate Action = "webhook.rotate"

	SubjectCreate   Action = "subject.create"
	SubjectErase    Action = "subject.erase"
	ReferenceStore  Action = "reference.store"
	ReferenceDelete Action = "reference.delete"
	MediaRead       Action = "media.read"
	SubjectExport   Action = "subject.export"
	ConsentGive     Action = "consent.give"
	ConsentWithdraw Action = "consent.withdraw"
	MediaLink       Action = "media.link"
	HoldPut         Action = "hold.put"
	HoldEnd         Action = "hold.end"
	RetentionRemove Action = "retention.remove"

	CaptureCreate Action = "capture.create"
	CaptureUse    Action = "capture.use"
	JobSubmit     Action = "job.submit"
	JobDecide     Action = "job.decide"
	JobCancel     Action = "job.cancel"
	JobRequeue    Action = "job.requeue"

	WorkflowCreate  Action = "workflow.create"
	WorkflowPublish Action = "workflow.publish"
	WorkflowRetire  Action = "workflow.retire"
	WorkflowDefault Action = "workflow.default"
	WorkflowShadow  Action = "workflow.shadow"
	ReviewClaim     Action = "review.claim"
	ReviewRelease   Action = "review.release"
	ReviewDecide    Action = "review.decide"
	SettingsChange  Action = "settings.change"

	LogExport      Action = "audit.export"
	AuditKeyRotate Action = "audit_key.rotate"

	BackupCreate  Action = "backup.create"
	BackupRestore Action = "backup.restore"

	ReceiptKeyRotate Action = "receipt_key.rotate"

	RootKeyStage    Action = "root_key.stage"
	RootKeyRotate   Action = "root_key.rotate"
	RootKeyRewrap   Action = "root_key.rewrap"
	RootKeyRetire   Action = "root_key.retire"
	RootKeySeal     Action = "root_key.seal"
	TenantKeyRotate Action = "tenant_key.rotate"
	TenantKeyRewrap Action = "tenant_key.rewrap"
	TenantKeyRetire Action = "tenant_key.retire"
)

// ActionInfo documents one Action.
type ActionInfo struct {
	Action  Action
	Meaning string
}

// Actions is the closed catalogue, in a stable order.
var Actions = []ActionInfo{
	{KeyCreate, "a key was made"},
	{KeyLimits, "a key's limits of requests were changed"},
	{KeyRollover, "a key was given another secret; overlap_seconds is how long the older one stays valid"},
	{KeyRevoke, "a key was ended for good"},
	{TenantCreate, "a tenant was made, under the plan"},
	{TenantUpdate, "a tenant was changed; changed names what, plan is its plan from now on"},
	{TenantSuspend, "a tenant was suspended"},
	{TenantResume, "a suspended tenant was let in again"},
	{PlanPut, "the version of the plan was put in force"},
	{QuotaSet, "a tenant was given a quota of its own for the module; without units it is unlimited"},
	{QuotaClear, "a tenant was given the plan's quota of the module again"},
	{SignIn, "an operator signed in, or was refused; without an object the account does not exist"},
	{SignOut, "an operator ended a session of the own account, or all others; units is how many those were"},
	{OperatorCreate, "an operator's account was made, with the role"},
	{OperatorUpdate, "an operator's account was changed; changed names what"},
	{OperatorPassword, "an operator changed the own password; all sessions of the account ended"},
	{OperatorTOTP, "an operator's one-time codes were enrolled or put in force"},
	{WebhookCreate, "an endpoint for webhooks was added"},
	{WebhookUpdate, "an endpoint was changed; changed names what"},
	{WebhookDelete, "an endpoint was removed"},
	{WebhookRotate, "an endpoint, or without an object the default of callbacks, was given another secret"},
	{SubjectCreate, "a subject was made by a client, apart from verifications"},
	{SubjectErase, "a subject was erased: its key was destroyed. The one entry that names the subject for ever"},
	{ReferenceStore, "a subject's reference photograph was stored"},
	{ReferenceDelete, "a subject's former reference photograph was deleted"},
	{MediaRead, "a stored photograph, or the template of its face, was decrypted for a request"},
	{MediaLink, "a link to a stored photograph was made, which is valid for a minute"},
	{HoldPut, "a legal hold was put on a subject, or given another reason"},
	{HoldEnd, "the legal hold on a subject was ended"},
	{RetentionRemove, "what was past its time was removed: photographs, which are the objects, or what units verifications had found, as kind says"},
	{SubjectExport, "an export of everything that is held about a subject was begun; the pictures in it were decrypted"},
	{ConsentGive, "a subject's consent was recorded; kind is the way by which it was given"},
	{ConsentWithdraw, "a subject's withdrawal of a consent was recorded; kind is the way by which it was said"},
	{CaptureCreate, "a link to the capture page was made"},
	{CaptureUse, "a link became a verification"},
	{JobSubmit, "a verification was taken on"},
	{JobDecide, "a verification was decided; the decision stands with the job"},
	{JobCancel, "a verification was cancelled, or its worker was asked to"},
	{JobRequeue, "an operator put a dead letter back into the queue"},
	{WorkflowCreate, "a draft of a workflow was made"},
	{WorkflowPublish, "a draft became the next version of its workflow"},
	{WorkflowRetire, "a version of a workflow was retired"},
	{WorkflowDefault, "a version judges the jobs that name no workflow, or does not any more, as step says"},
	{WorkflowShadow, "a version decides in the shadow, or does not any more, as step says"},
	{ReviewClaim, "a case was taken by a reviewer"},
	{ReviewRelease, "a case was given back"},
	{ReviewDecide, "a case was decided, or the first of two reviewers has said so"},
	{SettingsChange, "settings of the environment were changed; changed names which"},
	{LogExport, "an export of the audit log was begun"},
	{AuditKeyRotate, "the key that signs this log was replaced by the next one; version is its number"},
	{BackupCreate, "a backup was written; kind says whether of everything or of the keys alone"},
	{BackupRestore, "the database was written back from a backup"},
	{ReceiptKeyRotate, "the key that signs receipts was replaced by the next one"},
	{RootKeyStage, "a root key was made that seals nothing yet"},
	{RootKeyRotate, "another root key seals from now on"},
	{RootKeyRewrap, "what older root keys had sealed was sealed under the current one; units is how many values"},
	{RootKeyRetire, "older root keys were removed; units is how many"},
	{RootKeySeal, "the file of the root keys was sealed by another key service, or by none"},
	{TenantKeyRotate, "the tenant was given newer keys in the environment"},
	{TenantKeyRewrap, "what its older keys had wrapped or sealed was brought under the newest; units is how many keys of subjects and other values"},
	{TenantKeyRetire, "its older keys were destroyed; units is how many"},
}

// Valid says whether a is in the catalogue.
func (a Action) Valid() bool {
	return slices.ContainsFunc(Actions, func(i ActionInfo) bool { return i.Action == a })
}

// Outcome is how an act ended.
type Outcome string

// The outcomes.
const (
	Success Outcome = "success"
	Refused Outcome = "refused"
)

// ActorKind is what kind of actor has acted.
type ActorKind string

// The kinds of actors.
const (
	ActorKey      ActorKind = "key"      // a client's key
	ActorOperator ActorKind = "operator" // an operator of the platform
	ActorLink     ActorKind = "link"     // who holds a link to the capture page
	ActorNobody   ActorKind = "nobody"   // who has not proven to be anybody
	ActorSystem   ActorKind = "system"   // the service itself, or a command on its machine
)

// Actor is who has acted.
type Actor struct {
	Kind ActorKind
	ID   string // of key, operator or link; the command's name for one; else ""
}

// Detail names one small value of an entry.
type Detail string

// The details.
const (
	Changed        Detail = "changed" // members that were given, separated by commas
	KeyNames       Detail = "key"     // names of root keys, separated by commas
	Kind           Detail = "kind"    // of media
	Module         Detail = "module"
	OverlapSeconds Detail = "overlap_seconds"
	Plan           Detail = "plan"
	Role           Detail = "role"
	Step           Detail = "step" // of an act that has several
	Units          Detail = "units"
	Version        Detail = "version"
)

var details = []Detail{Changed, KeyNames, Kind, Module, OverlapSeconds, Plan, Role, Step, Units, Version}

// Details are the small values of an entry: words, numbers and names of members; nothing that a client made up.
type Details map[Detail]string
