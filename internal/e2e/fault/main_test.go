package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ekyc/internal/e2e"
)

func TestMain(m *testing.M) {
	code := m.Run()
	e2e.CleanUp()
	os.Exit(code)
}

// lab is a deployment under test: processes, a tenant that sends verifications, a receiver of its events, and the eyes of the database's
// owner.
type lab struct {
	site     *e2e.Site
	operator *e2e.Operator
	tenant   string
	key      *e2e.Client // its base URL is the first server's
	receiver *e2e.Receiver
	db       *pgxpool.Pool
	http     *http.Client
	person   map[string]any

	mutex    sync.Mutex
	bases    []string // that clients know of
	accepted map[string]accepted
	strange  map[string]int // answers that a client should never get
	next     int
}

// accepted is what a client was told.
type accepted struct {
	JobID     string `json:"job_id"`
	SubjectID string `json:"subject_id"`
	Status    string `json:"status"`
	body      []byte
	answer    string
}

// setup starts the servers with the given flags, and makes the tenant.
func setup(t *testing.T, servers int, flags ...string) (*lab, []*e2e.Server) {
	t.Helper()
	l := &lab{
		site: e2e.StartSite(t), person: e2e.Verification(t), accepted: map[string]accepted{}, strange: map[string]int{},
		http: &http.Client{Timeout: 3 * time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 200}},
	}
	t.Cleanup(l.http.CloseIdleConnections)
	started := make([]*e2e.Server, servers)
	for i := range started {
		started[i] = l.site.BeginServe(t, flags...)
		if i == 0 { // which makes the tables
			e2e.WaitReady(t, started[i].Process, started[i].BaseURL)
		}
	}
	for _, s := range started {
		e2e.WaitReady(t, s.Process, s.BaseURL)
		l.bases = append(l.bases, s.BaseURL)
	}
	l.operator = l.site.Login(t, started[0])
	l.tenant, l.key = l.operator.NewKey(t, started[0].BaseURL, "pro", "test", nil)
	var rotated struct {
		Secret string `json:"secret"`
	}
	a := l.key.Do(t, http.MethodPost, "/v1/webhooks/default-secret/rotate", map[string]any{})
	if a.Status != http.StatusOK {
		t.Fatalf("the callbacks' secret: %d %s", a.Status, a.Body)
	}
	a.JSON(t, &rotated)
	l.receiver = e2e.NewReceiver(t, rotated.Secret)
	l.person["callback_url"] = l.receiver.URL
	db, err := pgxpool.New(t.Context(), l.site.DatabaseURL()+" search_path=ekyc")
	if err != nil {
		t.Fatal(err)
	}
	l.db = db
	t.Cleanup(db.Close)
	return l, started
}

// replace tells clients of another server in a place.
func (l *lab) replace(i int, s *e2e.Server) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.bases[i] = s.BaseURL
}

// base gives one server after the other.
func (l *lab) base() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.next++
	return l.bases[l.next%len(l.bases)]
}

// send signs and sends one request to a server; an error is one of the connection.
func (l *lab) send(t testing.TB, base, method, target string, body []byte, headers ...string) (e2e.Answer, error) {
	t.Helper()
	c := &e2e.Client{BaseURL: base, KeyID: l.key.KeyID, Secret: l.key.Secret, HTTP: l.http}
	return c.Send(c.Request(t, c.Fresh(t, method, target, body), method, target, body, headers...))
}

// verification is the body of the n-th verification: the same photographs, and a mark of its own.
func (l *lab) verification(t testing.TB, name string) []byte {
	t.Helper()
	body := map[string]any{"metadata": map[string]string{"name": name}}
	for k, v := range l.person {
		body[k] = v
	}
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// submit sends a verification until it is accepted, as a careful client does: the same key and body again, at the next server, whenever
// there was no answer or one that says to try again.
func (l *lab) submit(t testing.TB, name string) accepted {
	t.Helper()
	body := l.verification(t, name)
	var last string
	pause := time.Second
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); {
		a, err := l.send(t, l.base(), http.MethodPost, "/v1/kyc/verify", body, "Idempotency-Key", name)
		switch {
		case err != nil:
			last = err.Error()
		case a.Status == http.StatusAccepted:
			j := accepted{body: body, answer: string(a.Body)}
			a.JSON(t, &j)
			l.note(name, j)
			return j
		default:
			last = fmt.Sprintf("%d %s", a.Status, a.Body)
			l.judge(t, a)
		}
		time.Sleep(pause)
		pause = min(pause+pause/4, 5*time.Second) // the timestamps in the allowed skew are few: see Fresh
	}
	t.Errorf("%s was not accepted within five minutes; the last answer was %.300s", name, last)
	return accepted{}
}

// judge notes an answer that is neither an acceptance nor one that tells the client to come again.
func (l *lab) judge(t testing.TB, a e2e.Answer) {
	t.Helper()
	wellFormed(t, a)
	switch code := a.Code(); code {
	case "unavailable", "overloaded", "idempotency_in_progress":
	default:
		l.mutex.Lock()
		defer l.mutex.Unlock()
		l.strange[fmt.Sprintf("%d %s", a.Status, code)]++
		t.Errorf("an answer that no fault explains: %d %.300s", a.Status, a.Body)
	}
}

// wellFormed checks the one shape of errors, and that a client is told when to come again.
func wellFormed(t testing.TB, a e2e.Answer) {
	t.Helper()
	var body struct {
		Error struct {
			Code, Message string
			Details       map[string]any
			TraceID       string `json:"trace_id"`
		}
	}
	if err := json.Unmarshal(a.Body, &body); err != nil || body.Error.Code == "" || body.Error.Message == "" || body.Error.Details == nil ||
		body.Error.TraceID == "" || body.Error.TraceID != a.Header.Get("X-Trace-Id") {
		t.Errorf("an error of another shape: %d %.300s", a.Status, a.Body)
	}
	if (a.Status == http.StatusServiceUnavailable || a.Status == http.StatusTooManyRequests) && a.Header.Get("Retry-After") == "" {
		t.Errorf("no Retry-After with %d %.300s", a.Status, a.Body)
	}
}

// note remembers an acceptance. A key that was answered before must have got the same answer.
func (l *lab) note(name string, j accepted) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if before, known := l.accepted[name]; known && before.JobID != j.JobID {
		l.strange["two jobs of one key: "+name]++
	}
	l.accepted[name] = j
}

// load submits n verifications, a few at a time, and holds back while more than most are under way. It returns when all are accepted.
func (l *lab) load(t testing.TB, prefix string, n, most int) {
	t.Helper()
	const submitters = 4
	names := make(chan string)
	var group sync.WaitGroup
	for range submitters {
		group.Go(func() {
			for name := range names {
				l.submit(t, name)
			}
		})
	}
	for i := range n {
		for l.underWay(t) >= most {
			time.Sleep(100 * time.Millisecond)
		}
		names <- fmt.Sprintf("%s-%d", prefix, i)
	}
	close(names)
	group.Wait()
}

// keepUp submits verifications, a few at a time, and holds back while more than most are under way, until it is told to stop.
func (l *lab) keepUp(t testing.TB, prefix string, most int, over <-chan struct{}) {
	t.Helper()
	var next atomic.Int64
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for {
				select {
				case <-over:
					return
				case <-time.After(100 * time.Millisecond):
				}
				if l.underWay(t) < most {
					l.submit(t, fmt.Sprintf("%s-%d", prefix, next.Add(1)))
				}
			}
		})
	}
	group.Wait()
}

// count gives a number out of the database, however often it has to be asked.
func (l *lab) count(t testing.TB, query string, args ...any) (n int) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if err = l.db.QueryRow(context.Background(), query, args...).Scan(&n); err == nil {
			return n
		}
	}
	t.Errorf("%s: %v", query, err)
	return -1
}

func (l *lab) underWay(t testing.TB) int {
	t.Helper()
	return l.count(t, `select count(*) from job where status in ('queued', 'running')`)
}

// settle waits until every job has ended and every event is delivered.
func (l *lab) settle(t testing.TB, within time.Duration) {
	t.Helper()
	await(t, within, "every job ends", func() bool { return l.underWay(t) == 0 })
	await(t, 4*time.Minute, "every event is delivered", func() bool {
		return l.count(t, `select count(*) from webhook_delivery where status in ('pending', 'retrying')`) == 0
	})
}

// await waits for something to become true.
func await(t testing.TB, within time.Duration, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !f(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}

// audit holds the accepted jobs against what was done, told and billed.
func (l *lab) audit(t testing.TB) {
	t.Helper()
	l.mutex.Lock()
	jobs := map[string]string{} // id to name
	for name, a := range l.accepted {
		jobs[a.JobID] = name
	}
	strange := fmt.Sprint(l.strange)
	count := len(l.accepted)
	l.mutex.Unlock()
	if strange != "map[]" {
		t.Errorf("strange answers: %s", strange)
	}
	if len(jobs) != count {
		t.Errorf("%d keys have %d jobs", count, len(jobs))
	}
	if n := l.count(t, `select count(*) from job`); n != count {
		t.Errorf("%d jobs of %d accepted verifications", n, count)
	}
	l.auditBilling(t, jobs)
	l.auditEvents(t, jobs)
}

// billed are the modules that a verification without a profile bills.
var billed = []string{"face_match", "liveness", "ocr", "validate", "workflow"}

func (l *lab) auditBilling(t testing.TB, jobs map[string]string) {
	t.Helper()
	rows, err := l.db.Query(context.Background(), `
		select j.id, j.status, coalesce(j.error_code, ''), j.attempt,
			(select coalesce(array_agg(u.module order by u.module), '{}') from usage_event u where u.job_id = j.id and u.units = 1)
		from job j`)
	if err != nil {
		t.Fatal(err)
	}
	type line struct {
		ID, Status, Code string
		Attempt          int
		Modules          []string
	}
	lines, err := pgx.CollectRows(rows, pgx.RowToStructByPos[line])
	if err != nil {
		t.Fatal(err)
	}
	again := 0
	for _, j := range lines {
		if _, known := jobs[j.ID]; !known {
			t.Errorf("nobody was told of the job %s", j.ID)
		}
		if j.Status != "completed" {
			t.Errorf("the job %s is %s (%s) after %d attempts", j.ID, j.Status, j.Code, j.Attempt)
		} else if fmt.Sprint(j.Modules) != fmt.Sprint(billed) {
			t.Errorf("the job %s was billed %v", j.ID, j.Modules)
		}
		again += min(j.Attempt-1, 1)
	}
	t.Logf("%d jobs, %d of them in more than one attempt", len(lines), again)
	if n := l.count(t, `select count(*) from usage_event where job_id is not null`); n != len(billed)*len(jobs) {
		t.Errorf("%d usage events of %d jobs", n, len(jobs))
	}
	if n := l.count(t, `select count(*) from reservation where status in ('open', 'expired')`); n != 0 {
		t.Errorf("%d reservations are not settled", n)
	}
	if n := l.count(t, `select coalesce(sum(reserved), 0)::int from quota_usage`); n != 0 {
		t.Errorf("%d units are still reserved", n)
	}
	if n := l.count(t, `select (select coalesce(sum(used), 0) from quota_usage)::int - (select coalesce(sum(units), 0) from usage_event)::int`); n != 0 {
		t.Errorf("the counters of the quotas are %d away from the events", n)
	}
}

// auditEvents checks that each job had one event, however often it was delivered.
func (l *lab) auditEvents(t testing.TB, jobs map[string]string) {
	t.Helper()
	ids := map[string]map[string]bool{} // job to event ids
	events := l.receiver.Events()
	for _, e := range events {
		var data struct {
			JobID string `json:"job_id"`
		}
		if err := json.Unmarshal(e.Data, &data); err != nil {
			t.Errorf("%v in %s", err, e.Data)
		}
		if ids[data.JobID] == nil {
			ids[data.JobID] = map[string]bool{}
		}
		ids[data.JobID][e.ID] = true
		if e.Type != "kyc.completed" && e.Type != "kyc.review_required" {
			t.Errorf("an event of type %s", e.Type)
		}
	}
	for id := range jobs {
		if len(ids[id]) != 1 {
			t.Errorf("%d events of the job %s", len(ids[id]), id)
		}
	}
	if n := l.count(t, `select count(*) from webhook_event where type like 'kyc.%'`); n != len(jobs) {
		t.Errorf("%d events of %d jobs", n, len(jobs))
	}
	t.Logf("%d deliveries of %d events", len(events), len(jobs))
}

// repeat sends accepted verifications again: the keys answer what they answered, and nothing is done.
func (l *lab) repeat(t testing.TB, n int) {
	t.Helper()
	l.mutex.Lock()
	again := map[string]accepted{}
	for name, a := range l.accepted {
		if len(again) < n {
			again[name] = a
		}
	}
	l.mutex.Unlock()
	for name, first := range again {
		a, err := l.send(t, l.base(), http.MethodPost, "/v1/kyc/verify", first.body, "Idempotency-Key", name)
		if err != nil {
			t.Error(err)
			continue
		}
		if a.Status != http.StatusAccepted || string(a.Body) != first.answer || a.Header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("the repetition of %s: %d %s, not %s", name, a.Status, a.Body, first.answer)
		}
	}
}
