package ekyc

// Environment separates a tenant's trials from its earnest work: keys, jobs, limits and usage of one are invisible to the other.
type Environment string

// The environments, as key identifiers carry them.
const (
	Test Environment = "test"
	Live Environment = "live"
)

// Valid says whether e is one of the environments.
func (e Environment) Valid() bool { return e == Test || e == Live }

// Scope is whose data a piece of work may see. Every row of a tenant belongs to exactly one scope.
type Scope struct {
	Tenant      ID          `json:"tenant_id"`
	Environment Environment `json:"environment"`
}

// Valid says whether both halves are well formed.
func (s Scope) Valid() bool { return s.Tenant.Is(KindTenant) && s.Environment.Valid() }

// Modules lists the modules in the order in which they are reported.
var Modules = []Module{ModuleLiveness, ModuleOCR, ModuleValidate, ModuleFaceMatch, ModuleKYA, ModuleWorkflow}

// Valid says whether m is one of the modules.
func (m Module) Valid() bool {
	for _, known := range Modules {
		if m == known {
			return true
		}
	}
	return false
}
