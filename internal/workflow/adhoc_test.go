package workflow
import ("testing";"time";"context";"github.com/jackc/pgx/v5")
func TestAdhoc(t *testing.T) {
	w := newWorld(t)
	p := w.start(t, nil, Options{}, 0)
	scope := newScope()
	submit(t, p, submission(scope))
	_, err := p.db.SystemPool().Exec(t.Context(), "select 1")
	p.db.AsSystem(t.Context(), func(ctx context.Context, tx pgx.Tx) error { return nil })
	_ = err
	for _, n := range []int{10, 100, 1000} {
		for i := 0; i < n; i++ {
			s := newScope()
			e := p.db.InTenant(t.Context(), s, func(ctx context.Context, tx pgx.Tx) error {
				_, err := tx.Exec(ctx, `insert into job (tenant_id, environment, id, subject_id, key_id, reservation_id, plan, plan_version, weight, entitlement, settings, workflow_hash, profile, kept, trace_parent)
				select $1,$2,'job_'||$1||n,'sub_x','k','r','p',1,1,'{}','{}','h',false,true,'' from generate_series(1,20) n`, s.Tenant, s.Environment)
				return err
			})
			if e != nil { t.Fatal(e) }
		}
		for range 10 { p.take(t.Context()) }
		start := time.Now()
		for range 50 { if c, err := p.take(t.Context()); err != nil || c == nil { t.Fatal(err) } }
		t.Logf("%d scopes: %s a claim", n, time.Since(start)/50)
	}
}
