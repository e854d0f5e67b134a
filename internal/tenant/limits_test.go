package tenant

import (
	"maps"
	"testing"

	"ekyc"
)

func TestKeyLimitsChangeAtOnceAndInTheirScopeOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other, db, _ := b.process(0)
	key, secret := b.key(KeyInput{RatePerMinute: 5, EndpointLimits: map[string]int{"/v1/jobs": 2}})
	before, err := other.Authenticate(t.Context(), signed(key.ID, secret))
	b.must(err)
	nine, zero, negative, none := 9, 0, -1, map[string]int{}
	for name, scope := range map[string]ekyc.Scope{
		"another tenant":        {Tenant: b.newTenant().ID, Environment: ekyc.Test},
		"the other environment": {Tenant: b.tenant.ID, Environment: ekyc.Live},
	} {
		if _, err := b.s.SetKeyLimits(t.Context(), scope, key.ID, KeyLimits{RatePerMinute: &nine}); ekyc.CodeOf(err) != ekyc.ErrNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, l := range []KeyLimits{{RatePerMinute: &negative}, {RatePerDay: &negative}, {EndpointLimits: &map[string]int{"": 1}}} {
		if _, err := b.s.SetKeyLimits(t.Context(), b.scope, key.ID, l); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
			t.Errorf("%+v: %v", l, err)
		}
	}
	if v := b.state(other, db, key.ID).Version; v != before.Version {
		t.Error("what was refused has changed the key")
	}
	for _, c := range []struct {
		l           KeyLimits
		minute, day int
		endpoints   map[string]int
	}{
		{KeyLimits{RatePerDay: &nine}, 5, 9, map[string]int{"/v1/jobs": 2}},
		{KeyLimits{RatePerMinute: &zero, EndpointLimits: &none}, 0, 9, none},
	} {
		got, err := b.s.SetKeyLimits(t.Context(), b.scope, key.ID, c.l)
		b.must(err)
		if b.state(other, db, key.ID).Version == before.Version {
			t.Error("the version stays")
		}
		p, err := other.Authenticate(t.Context(), signed(key.ID, secret))
		b.must(err)
		for _, k := range []Key{got, p.Key} {
			if k.RatePerMinute != c.minute || k.RatePerDay != c.day || !maps.Equal(k.EndpointLimits, c.endpoints) {
				t.Errorf("%+v", k)
			}
		}
		before = p
	}
	if perMinute, _ := before.Rates(); perMinute != before.Plan.RatePerMinute {
		t.Errorf("0 is not the plan's: %d", perMinute)
	}
}
