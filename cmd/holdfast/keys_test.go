package main

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/seal"
	"holdfast.dev/holdfast/internal/store"
)

const address = "rosalind.franklin@post.example"

func installation(t *testing.T) settings {
	t.Helper()
	return settings{
		options: options{namespace: "holdfast-system", keysSecret: "holdfast-keys"},
		place:   place{storePath: filepath.Join(t.TempDir(), "holdfast.db")},
	}
}

func importContact(t *testing.T, s *store.Store) {
	t.Helper()
	contacts := []contact.Contact{{ID: "c1", Channel: contact.Email, Address: address, Standing: contact.Full}}
	if err := s.ImportContacts(t.Context(), "shop", "anna", contacts, nil, noon); err != nil {
		t.Fatal(err)
	}
}

// law 13: keys that are lost while sealed rows exist mean refusing to start.
func TestLostKeysRefuseToStart(t *testing.T) {
	clients, s := fake.NewClientset(), installation(t)
	keys, err := loadKeys(t.Context(), clients, s)
	if err != nil {
		t.Fatal(err)
	}
	memory := testStore(t, s.storePath, keys)
	importContact(t, memory)
	if err := memory.Close(); err != nil {
		t.Fatal(err)
	}
	secrets := clients.CoreV1().Secrets(s.namespace)
	backup, err := secrets.Get(t.Context(), s.keysSecret, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := secrets.Delete(t.Context(), s.keysSecret, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := loadKeys(t.Context(), clients, s); err == nil || !strings.Contains(err.Error(), "backup") {
			t.Fatalf("loadKeys without the Secret: %v", err)
		}
	}
	if list, err := secrets.List(t.Context(), metav1.ListOptions{}); err != nil || len(list.Items) != 0 {
		t.Fatalf("new keys were made: %v, %v", list, err)
	}

	other := testStore(t, s.storePath, testKeys(t))
	if err := other.CheckSeal(t.Context()); err == nil || strings.Contains(err.Error(), address) {
		t.Errorf("with the keys of another installation: %v", err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}

	backup.ResourceVersion = ""
	if _, err := secrets.Create(t.Context(), backup, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if keys, err = loadKeys(t.Context(), clients, s); err != nil {
		t.Fatal(err)
	}
	book, err := testStore(t, s.storePath, keys).Book(t.Context(), "shop", "anna")
	if err != nil || len(book.Contacts) != 1 || book.Contacts[0].Address != address {
		t.Errorf("after the Secret was restored: %d contacts, %v", len(book.Contacts), err)
	}
}

// rotating is a keeper over a Secret that the test turns.
type rotating struct {
	*keeper
	t       *testing.T
	clients *fake.Clientset
	memory  *store.Store
	log     *strings.Builder
}

func newRotating(t *testing.T) *rotating {
	t.Helper()
	keys := testKeys(t)
	r := &rotating{t: t, log: &strings.Builder{}, memory: testStore(t, filepath.Join(t.TempDir(), "holdfast.db"), keys)}
	r.clients = fake.NewClientset(&corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "holdfast-system", Name: "holdfast-keys"}, Data: keys.Marshal(),
	})
	r.keeper = &keeper{
		secrets: r.clients.CoreV1().Secrets("holdfast-system"), name: "holdfast-keys", keys: keys, memory: r.memory,
		log: funcr.New(func(prefix, args string) { r.log.WriteString(prefix + args + "\n") }, funcr.Options{}),
	}
	return r
}

func (r *rotating) secret() *corev1.Secret {
	r.t.Helper()
	secret, err := r.secrets.Get(r.t.Context(), r.name, metav1.GetOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	return secret
}

func (r *rotating) update(secret *corev1.Secret) {
	r.t.Helper()
	if _, err := r.secrets.Update(r.t.Context(), secret, metav1.UpdateOptions{}); err != nil {
		r.t.Fatal(err)
	}
}

// turn pipes the Secret through `holdfast keys`, as a person does with kubectl.
func (r *rotating) turn(args ...string) {
	r.t.Helper()
	secret := r.secret()
	secret.APIVersion, secret.Kind = "v1", "Secret"
	in, err := json.Marshal(secret)
	if err != nil {
		r.t.Fatal(err)
	}
	cmd, out := command(), &bytes.Buffer{}
	cmd.SetArgs(append([]string{"keys"}, args...))
	cmd.SetIn(bytes.NewReader(in))
	cmd.SetOut(out)
	if err := cmd.ExecuteContext(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	var turned corev1.Secret
	if err := json.Unmarshal(out.Bytes(), &turned); err != nil {
		r.t.Fatal(err)
	}
	r.update(&turned)
}

// The whole rotation of docs/keys.md without a restart: afterwards the first keys open
// nothing and are needed for nothing.
func TestTheKeysAreRotatedWithoutARestart(t *testing.T) {
	r := newRotating(t)
	importContact(t, r.memory)
	before, err := seal.Parse(r.keys.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	reread := func(want bool) {
		t.Helper()
		if got := r.reread(t.Context()); got != want {
			t.Fatalf("rows to move: %v, want %v; %s", got, want, r.log)
		}
	}
	reread(false)
	for _, entry := range []string{seal.EntryContacts, seal.EntryLookup, seal.EntryCodes, seal.EntryTickets} {
		r.turn("add", entry)
		r.reread(t.Context())
		r.turn("promote", entry)
		r.reread(t.Context())
	}
	now := func() time.Time { return noon }
	r.reseal(t.Context(), now)
	if !r.due.IsZero() || !strings.Contains(r.log.String(), `"contacts"=1`) || !strings.Contains(r.log.String(), `"formerKeysNeeded"=false`) {
		t.Errorf("due %v; %s", r.due, r.log)
	}
	for _, entry := range []string{seal.EntryContacts, seal.EntryLookup, seal.EntryCodes, seal.EntryTickets} {
		r.turn("retire", entry)
	}
	reread(false)
	book, err := r.memory.Book(t.Context(), "shop", "anna")
	if err != nil || book.Contacts[0].Address != address {
		t.Errorf("after the rotation: %v, %v", len(book.Contacts), err)
	}
	if before.Lookup("shop", "x") == r.keys.Lookup("shop", "x") || before.CodeKey() == r.keys.CodeKey() {
		t.Error("nothing was rotated")
	}
	if strings.Contains(r.log.String(), address) {
		t.Errorf("the log holds an address: %s", r.log)
	}
}

// law 13: a Secret that is lost, damaged or foreign while replicas run changes nothing.
func TestABadSecretIsNotTakenOver(t *testing.T) {
	r := newRotating(t)
	importContact(t, r.memory)
	good := r.secret()
	for name, data := range map[string]map[string][]byte{
		"damaged":                 {seal.EntryContacts: []byte("{}")},
		"of another installation": testKeys(t).Marshal(),
	} {
		bad := good.DeepCopy()
		bad.Data = data
		r.update(bad)
		if r.reread(t.Context()) {
			t.Errorf("%s: taken over", name)
		}
		if _, err := r.memory.Book(t.Context(), "shop", "anna"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := r.secrets.Delete(t.Context(), r.name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		r.reread(t.Context())
	}
	if got := strings.Count(r.log.String(), `secret "holdfast-keys" not found`) + strings.Count(r.log.String(), `secrets \"holdfast-keys\" not found`); got != 1 {
		t.Errorf("the loss was told %d times: %s", got, r.log)
	}
	if _, err := r.memory.Book(context.Background(), "shop", "anna"); err != nil {
		t.Error(err)
	}
}

func TestKeysCommandRefusesWhatIsNoSecret(t *testing.T) {
	for name, in := range map[string]string{"nothing": "", "a list": `{"kind":"List"}`, "yaml": "kind: Secret"} {
		cmd, out := command(), &bytes.Buffer{}
		cmd.SetArgs([]string{"keys", "add", seal.EntryCodes})
		cmd.SetIn(strings.NewReader(in))
		cmd.SetOut(out)
		if err := cmd.Execute(); err == nil || out.Len() > 0 {
			t.Errorf("%s: %v, wrote %q", name, err, out)
		}
	}
}
