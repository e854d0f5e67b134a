package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/tenant"
)

// demoPurpose binds the sealed file of the demonstration's credentials.
const demoPurpose = "demonstration credentials"

const demoOperator = "operator@localhost.localdomain"

// demoState is what is kept of the demonstration between starts, sealed under the root key.
type demoState struct {
	demonstration
	Tenant ekyc.ID `json:"tenant_id"`
}

// bootstrap gives the demo tenant with its key, and the platform's first operator: made at the first start, found again later.
func (u *UpCmd) bootstrap(ctx context.Context, p *platform) (*demonstration, error) {
	path := filepath.Join(u.DataDir, "demo.sealed")
	state, err := readDemo(p, path)
	if errors.Is(err, fs.ErrNotExist) {
		state, err = u.makeDemo(ctx, p)
		if err == nil {
			err = writeDemo(p, path, state)
		}
	}
	if err != nil {
		return nil, err
	}
	scope := ekyc.Scope{Tenant: state.Tenant, Environment: ekyc.Test}
	if state.WebhookSecret, _, err = p.webhooks.DefaultSecret(ctx, scope); err != nil {
		return nil, err
	}
	perDay := 0 // the plan's
	if u.RPM > 0 {
		perDay = min(max(50_000, u.RPM*24*60), 1_000_000_000) // the most that a key can have
	}
	_, err = p.tenants.SetKeyLimits(ctx, scope, state.KeyID, tenant.KeyLimits{RatePerMinute: &u.RPM, RatePerDay: &perDay})
	return &state.demonstration, err
}

func readDemo(p *platform, path string) (state demoState, err error) {
	sealed, err := os.ReadFile(path)
	if err != nil {
		return state, err
	}
	plain, err := p.keyring.Open(demoPurpose, sealed)
	if err != nil {
		return state, err
	}
	defer clear(plain)
	return state, json.Unmarshal(plain, &state)
}

func writeDemo(p *platform, path string, state demoState) error {
	plain, err := json.Marshal(state)
	if err != nil {
		return err
	}
	defer clear(plain)
	sealed, err := p.keyring.Seal(demoPurpose, plain)
	if err != nil {
		return err
	}
	return writeSecretFile(path, sealed)
}

// makeDemo makes tenant, key and operator. A start that was killed in between leaves a tenant that nobody uses, and no more.
func (u *UpCmd) makeDemo(ctx context.Context, p *platform) (state demoState, err error) {
	err = p.audit.Enter(ctx, ekyc.Scope{}, func(ctx context.Context) (audit.Entry, error) {
		t, err := p.tenants.CreateTenant(ctx, tenant.TenantInput{Name: "Demo", Country: "FRA", SupportEmail: "support@localhost.localdomain", Plan: "pro"})
		state.Tenant = t.ID
		return audit.Entry{Action: audit.TenantCreate, Scope: ekyc.Scope{Tenant: t.ID}, Actor: commandActor("up"), Details: audit.Details{audit.Plan: t.Plan}}, err
	})
	if err != nil {
		return state, err
	}
	scope := ekyc.Scope{Tenant: state.Tenant, Environment: ekyc.Test}
	err = p.audit.Enter(ctx, scope, func(ctx context.Context) (audit.Entry, error) {
		key, secret, err := p.tenants.CreateKey(ctx, scope, tenant.KeyInput{Name: "demo"})
		state.KeyID, state.Secret = key.ID, secret
		return audit.Entry{Action: audit.KeyCreate, Scope: scope, Actor: commandActor("up"), Objects: []ekyc.ID{ekyc.ID(key.ID)}}, err
	})
	if err != nil {
		return state, err
	}
	state.Operator, state.OperatorPassword = demoOperator, rand.Text()
	return state, setOperator(ctx, p.audit, p.operators, "up", state.Operator, state.OperatorPassword, false)
}
