package s3test

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Roles gives credentials that end, as machines, containers and pods at Amazon get them. It is a fake, written from Amazon's public documentation: of the instance
// metadata service in its version 2 (EC2 User Guide, "Retrieve security credentials from instance metadata"), of the container credential provider and of
// AssumeRoleWithWebIdentity (AWS SDKs and Tools Reference Guide; STS API Reference). Nothing of it was recorded from a real one.
type Roles struct {
	URL     string
	Session string // given with the keys; "" unless set before anything is given, since versitygw knows no sessions and refuses one

	mutex          sync.Mutex
	access, secret string
	life           time.Duration
	away           bool
	given          int
	ends           time.Time // of what was given last
}

// What the fake expects of who asks.
const (
	roleName      = "ekyc-test"
	sessionToken  = "session-of-the-metadata-service"
	containerPath = "/v2/credentials/ekyc-test"
	containerWord = "authorised-container"
	podWord       = "token-of-the-pod"
)

// NewRoles starts one until the test ends.
func NewRoles(t testing.TB) *Roles {
	t.Helper()
	r := &Roles{}
	routes := http.NewServeMux()
	routes.HandleFunc("PUT /latest/api/token", func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("X-aws-ec2-metadata-token-ttl-seconds") == "" {
			http.Error(w, "Bad Request", http.StatusBadRequest)
			return
		}
		w.Write([]byte(sessionToken))
	})
	const machine = "/latest/meta-data/iam/security-credentials/"
	routes.HandleFunc("GET "+machine+"{$}", authorised("X-aws-ec2-metadata-token", sessionToken, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(roleName)) }))
	routes.HandleFunc("GET "+machine+roleName, authorised("X-aws-ec2-metadata-token", sessionToken, r.giveJSON))
	routes.HandleFunc("GET "+containerPath, authorised("Authorization", containerWord, r.giveJSON))
	routes.HandleFunc("POST /{$}", r.giveXML)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if r.isAway() {
			http.Error(w, "Service Unavailable", http.StatusServiceUnavailable)
			return
		}
		routes.ServeHTTP(w, q)
	}))
	t.Cleanup(server.Close)
	r.URL = server.URL
	return r
}

func authorised(header, value string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get(header) != value {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		next(w, q)
	}
}

// Give has these credentials given from now on, each time for so long.
func (r *Roles) Give(access, secret string, life time.Duration) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.access, r.secret, r.life = access, secret, life
}

// Away has nothing given, or something again.
func (r *Roles) Away(away bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.away = away
}

func (r *Roles) isAway() bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.away
}

// Ends is when what was given last ends.
func (r *Roles) Ends() time.Time {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.ends
}

// Given is how often credentials were given.
func (r *Roles) Given() int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.given
}

func (r *Roles) next() (access, secret string, until time.Time) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.given++
	r.ends = time.Now().Add(r.life).UTC()
	return r.access, r.secret, r.ends
}

func (r *Roles) giveJSON(w http.ResponseWriter, _ *http.Request) {
	access, secret, until := r.next()
	json.NewEncoder(w).Encode(map[string]any{
		"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": time.Now().UTC(), "AccessKeyId": access, "SecretAccessKey": secret, "Token": r.Session, "Expiration": until,
	})
}

func (r *Roles) giveXML(w http.ResponseWriter, q *http.Request) {
	if q.FormValue("Action") != "AssumeRoleWithWebIdentity" || q.FormValue("WebIdentityToken") != podWord || q.FormValue("RoleArn") == "" {
		w.WriteHeader(http.StatusForbidden)
		w.Write([]byte("<ErrorResponse><Error><Code>AccessDenied</Code><Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error></ErrorResponse>"))
		return
	}
	access, secret, until := r.next()
	type given struct {
		XMLName xml.Name  `xml:"https://sts.amazonaws.com/doc/2011-06-15/ AssumeRoleWithWebIdentityResponse"`
		Access  string    `xml:"AssumeRoleWithWebIdentityResult>Credentials>AccessKeyId"`
		Secret  string    `xml:"AssumeRoleWithWebIdentityResult>Credentials>SecretAccessKey"`
		Session string    `xml:"AssumeRoleWithWebIdentityResult>Credentials>SessionToken"`
		Until   time.Time `xml:"AssumeRoleWithWebIdentityResult>Credentials>Expiration"`
	}
	xml.NewEncoder(w).Encode(given{Access: access, Secret: secret, Session: r.Session, Until: until})
}

// Machine, Container and Pod are the environments of processes that get their credentials here, in one of the three ways.
func (r *Roles) Machine() []string { return []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + r.URL} }

// Container is the one of a container.
func (r *Roles) Container() []string {
	return []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + r.URL + containerPath, "AWS_CONTAINER_AUTHORIZATION_TOKEN=" + containerWord}
}

// Pod is the one of a pod, with the file of its token.
func (r *Roles) Pod(t testing.TB) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(podWord), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"AWS_WEB_IDENTITY_TOKEN_FILE=" + file, "AWS_ROLE_ARN=arn:aws:iam::123456789012:role/" + roleName, "AWS_ENDPOINT_URL_STS=" + r.URL}
}

// User makes an account of the server that may do everything; RemoveUser ends it.
func (s *Server) User(t testing.TB, access, secret string) {
	t.Helper()
	s.admin(t, "create-user", "--access", access, "--secret", secret, "--role", "admin")
}

// RemoveUser ends an account: what is signed with its key is refused from then on.
func (s *Server) RemoveUser(t testing.TB, access string) {
	t.Helper()
	s.admin(t, "delete-user", "--access", access)
}

func (s *Server) admin(t testing.TB, args ...string) {
	t.Helper()
	command := exec.Command(program(t), append([]string{"admin"}, args...)...)
	command.Env = append(os.Environ(), "ADMIN_ACCESS_KEY="+AccessKey, "ADMIN_SECRET_KEY="+SecretKey, "ADMIN_ENDPOINT_URL=http://"+s.Address, "ADMIN_REGION="+region)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v %s", strings.Join(args, " "), err, out)
	}
}
