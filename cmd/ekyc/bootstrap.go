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
	"ekyc/internal/operator"
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
	return state, json.Unmarshal(plain, &state)
}

func writeDemo(p *platform, path string, state demoState) error {
	plain, err := json.Marshal(state)
	if err != nil {
		return err
	}
	sealed, err := p.keyring.Seal(demoPurpose, plain)
	if err != nil {
		return err
	}
	return writeSecretFile(path, sealed)
}

// makeDemo makes tenant, key and operator. A start that was killed in between leaves a tenant that nobody uses, and no more.
func (u *UpCmd) makeDemo(ctx context.Context, p *platform) (state demoState, err error) {
	t, err := p.tenants.CreateTenant(ctx, tenant.TenantInput{Name: "Demo", Country: "FRA", SupportEmail: "support@localhost.localdomain", Plan: "pro"})
	if err != nil {
		return state, err
	}
	state.Tenant = t.ID
	key, secret, err := p.tenants.CreateKey(ctx, ekyc.Scope{Tenant: t.ID, Environment: ekyc.Test}, tenant.KeyInput{Name: "demo"})
	if err != nil {
		return state, err
	}
	state.KeyID, state.Secret = key.ID, secret
	state.Operator, state.OperatorPassword = demoOperator, rand.Text()
	return state, setOperator(ctx, p.operators, state.Operator, state.OperatorPassword)
}

// setOperator makes the account, or gives the one that is there the password.
func setOperator(ctx context.Context, operators *operator.Service, email, password string) error {
	_, err := operators.Create(ctx, email, password, operator.Owner)
	if ekyc.CodeOf(err) != ekyc.ErrConflict {
		return err
	}
	list, err := operators.List(ctx)
	if err != nil {
		return err
	}
	for _, o := range list {
		if o.Email != email {
			continue
		}
		// Who stands at the machine may do everything: a lost device, a closed account and a lost role are mended as well.
		_, err := operators.SetRole(ctx, o.ID, operator.Owner)
		return errors.Join(err, operators.SetPassword(ctx, o.ID, password), operators.ResetTOTP(ctx, o.ID), operators.Enable(ctx, o.ID))
	}
	return ekyc.Errorf(ekyc.ErrConflict, "the operator's account is taken and cannot be found")
}
