package operator

import (
	"slices"

	"ekyc"
)

// Role is what an operator may do.
type Role string

// The roles.
const (
	Owner  Role = "owner"    // everything, other operators included
	Staff  Role = "operator" // the daily work: tenants, keys, quotas, jobs, webhooks, legal holds
	Viewer Role = "viewer"   // looks and changes nothing
)

// Valid says whether r is one of the roles.
func (r Role) Valid() bool { return granted[r] != nil }

// Permission is one thing that a role allows or does not.
type Permission string

// The permissions.
const (
	View            Permission = "view"
	ManageTenants   Permission = "manage_tenants"
	ManageKeys      Permission = "manage_keys"
	ManageQuotas    Permission = "manage_quotas"
	ManageJobs      Permission = "manage_jobs"
	ManageWebhooks  Permission = "manage_webhooks"
	ManageHolds     Permission = "manage_holds" // legal holds on subjects
	ManagePlans     Permission = "manage_plans"
	ManageOperators Permission = "manage_operators"
)

var granted = map[Role][]Permission{
	Owner:  {View, ManageTenants, ManageKeys, ManageQuotas, ManageJobs, ManageWebhooks, ManageHolds, ManagePlans, ManageOperators},
	Staff:  {View, ManageTenants, ManageKeys, ManageQuotas, ManageJobs, ManageWebhooks, ManageHolds},
	Viewer: {View},
}

// Allows says whether the role has a permission. A role that is not known has none.
func (r Role) Allows(p Permission) bool { return slices.Contains(granted[r], p) }

// Require gives ErrRoleDenied unless the operator's role has the permission.
func (o *Operator) Require(p Permission) error {
	if o.Role.Allows(p) {
		return nil
	}
	return ekyc.Errorf(ekyc.ErrRoleDenied, "the role %s does not permit this", o.Role).With("permission", string(p))
}
