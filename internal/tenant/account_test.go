package tenant

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ekyc"
)

func TestTenants(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got, err := b.s.GetTenant(t.Context(), b.tenant.ID)
	b.must(err)
	want := Tenant{ID: b.tenant.ID, Name: "tenant-1", Country: "FRA", SupportEmail: "help@tenant-1.example", Region: "eu1", Plan: "pro",
		Status: Active, CreatedAt: b.tenant.CreatedAt}
	if diff := cmp.Diff(want, got); diff != "" || time.Since(got.CreatedAt) > time.Minute {
		t.Errorf("%s at %v", diff, got.CreatedAt)
	}
	country, email := "DEU", "aide@tenant-1.example"
	want.Country, want.SupportEmail = country, email
	got, err = b.s.UpdateTenant(t.Context(), b.tenant.ID, TenantUpdate{Country: &country, SupportEmail: &email})
	b.must(err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	nobody := ekyc.NewID(ekyc.KindTenant)
	_, getErr := b.s.GetTenant(t.Context(), nobody)
	_, updateErr := b.s.UpdateTenant(t.Context(), nobody, TenantUpdate{Country: &country, SupportEmail: &email})
	_, statusErr := b.s.SetStatus(t.Context(), nobody, Suspended)
	for _, err := range []error{getErr, updateErr, statusErr} {
		if ekyc.CodeOf(err) != ekyc.ErrNotFound {
			t.Errorf("of nobody: %v", err)
		}
	}
	all := []ekyc.ID{b.tenant.ID}
	for range 4 {
		all = append([]ekyc.ID{b.newTenant().ID}, all...)
	}
	var listed []ekyc.ID
	for after := ekyc.ID(""); ; {
		tenants, next, err := b.s.ListTenants(t.Context(), 2, after)
		b.must(err)
		for _, tenant := range tenants {
			listed = append(listed, tenant.ID)
		}
		if after = next; next == "" {
			break
		}
	}
	if !slices.Equal(listed, all) {
		t.Errorf("listed %v, want %v", listed, all)
	}
}

func TestTenantsThatCannotBe(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for field, values := range map[string][]string{
		"name":          {"", strings.Repeat("x", 201), "a\nb", "\xff", "a\x00"},
		"country":       {"", "FR", "fra", "XXX", "D", "UTO"},
		"support_email": {"", "nobody", "n <a@b.example>", strings.Repeat("x", 250) + "@b.example"},
		"plan":          {"", "gold"},
	} {
		for _, value := range values {
			in := TenantInput{Name: "tenant-2", Country: "FRA", SupportEmail: "help@tenant-2.example", Plan: "free"}
			u := TenantUpdate{}
			switch field {
			case "name":
				in.Name, u.Name = value, &value
			case "country":
				in.Country, u.Country = value, &value
			case "support_email":
				in.SupportEmail, u.SupportEmail = value, &value
			case "plan":
				in.Plan, u.Plan = value, &value
			}
			_, createErr := b.s.CreateTenant(t.Context(), in)
			_, updateErr := b.s.UpdateTenant(t.Context(), b.tenant.ID, u)
			for _, err := range []error{createErr, updateErr} {
				problem, ok := err.(*ekyc.Error)
				if !ok || problem.Code != ekyc.ErrInvalidArgument || problem.Details["field"] != field {
					t.Errorf("%s %q: %v", field, value, err)
				}
			}
		}
	}
}

func TestPlansAreVersioned(t *testing.T) {
	t.Parallel()
	b := setup(t)
	plans, err := b.s.ListPlans(t.Context())
	b.must(err)
	if len(plans) != 3 || plans[0].Name != "enterprise" || plans[0].Weight != 8 || len(plans[0].Quotas) != 0 || plans[1].Name != "free" ||
		plans[1].Overage || plans[1].Quotas[ekyc.ModuleKYA] != 500 || plans[1].RatePerMinute != 60 || plans[1].RatePerDay != 50000 || !plans[2].Overage {
		t.Fatalf("%+v", plans)
	}
	changed := plans[1]
	changed.RatePerMinute, changed.Quotas = 90, map[ekyc.Module]int64{ekyc.ModuleOCR: 7}
	put, err := b.s.PutPlan(t.Context(), changed)
	b.must(err)
	first, err := b.s.GetPlan(t.Context(), "free", 1)
	b.must(err)
	if put.Version != 2 || put.RatePerMinute != 90 || !cmp.Equal(first, plans[1]) {
		t.Errorf("put %+v, first %+v", put, first)
	}
	if now, err := b.s.GetPlan(t.Context(), "free", 0); err != nil || !cmp.Equal(now, put) {
		t.Errorf("in force %+v, %v", now, err)
	}
	for _, c := range []struct {
		name    string
		version int
	}{{"gold", 0}, {"free", 3}} {
		if _, err := b.s.GetPlan(t.Context(), c.name, c.version); ekyc.CodeOf(err) != ekyc.ErrNotFound {
			t.Errorf("%v: %v", c, err)
		}
	}
	var done sync.WaitGroup
	versions := make([]int, 20)
	for i := range versions {
		done.Go(func() {
			p, err := b.s.PutPlan(t.Context(), Plan{Name: "gold", Weight: i + 1, RatePerMinute: 1, RatePerDay: 1})
			if err != nil {
				t.Error(err)
			}
			versions[i] = p.Version
		})
	}
	done.Wait()
	slices.Sort(versions)
	for i, v := range versions {
		if v != i+1 {
			t.Fatalf("versions %v", versions)
		}
	}
}

func TestPlansThatCannotBe(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good := Plan{Name: "gold", Weight: 1, RatePerMinute: 1, RatePerDay: 1}
	for _, change := range []func(*Plan){
		func(p *Plan) { p.Name = "" }, func(p *Plan) { p.Name = "Gold" }, func(p *Plan) { p.Name = "g'; drop" },
		func(p *Plan) { p.Weight = 0 }, func(p *Plan) { p.Weight = 101 },
		func(p *Plan) { p.RatePerMinute = 0 }, func(p *Plan) { p.RatePerDay = maxRate + 1 },
		func(p *Plan) { p.Quotas = map[ekyc.Module]int64{"palmistry": 1} }, func(p *Plan) { p.Quotas = map[ekyc.Module]int64{ekyc.ModuleOCR: -1} },
	} {
		p := good
		change(&p)
		if _, err := b.s.PutPlan(t.Context(), p); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
			t.Errorf("%+v: %v", p, err)
		}
	}
}
