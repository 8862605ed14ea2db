package main

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules/epoch"
	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/seal"
	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/sqlite"
)

var noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)

func testKeys(t *testing.T) *seal.Keys {
	t.Helper()
	keys, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func testStore(t *testing.T, path string, sealer store.Sealer) *store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{Sealer: sealer, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// replicaOf watches the mark of a store as a replica that has just started.
func replicaOf(t *testing.T, s markedStore, clients *fake.Clientset) *epochWatch {
	t.Helper()
	w := &epochWatch{store: s, copy: kube.Marks{ConfigMaps: clients.CoreV1().ConfigMaps("holdfast-system")}, log: testr.New(t)}
	if err := w.begin(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	return w
}

func copied(t *testing.T, clients *fake.Clientset) map[string]string {
	t.Helper()
	object, err := clients.CoreV1().ConfigMaps("holdfast-system").Get(t.Context(), kube.MarkName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return object.Data
}

func look(t *testing.T, w *epochWatch, at time.Time) {
	t.Helper()
	if err := w.look(t.Context(), at); err != nil {
		t.Fatal(err)
	}
}

func wantEpoch(t *testing.T, what string, w *epochWatch, want int64) {
	t.Helper()
	if got := w.epoch(); got != want {
		t.Errorf("%s: epoch %d, want %d", what, got, want)
	}
}

// section 6: a store that was emptied, and one that was restored while nobody ran, begin
// an epoch above every one before at the next start.
func TestALostStoreBeginsANewEpochAtTheStart(t *testing.T) {
	clients, dir := fake.NewClientset(), t.TempDir()
	first := testStore(t, filepath.Join(dir, "first.db"), nil)
	w := replicaOf(t, first, clients)
	wantEpoch(t, "at first", w, 1)
	if err := w.end(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	wantEpoch(t, "after a restart", replicaOf(t, first, clients), 1)
	if got := copied(t, clients); got["epoch"] != "1" || got["beat"] != "3" {
		t.Errorf("the copy says %v", got)
	}

	wantEpoch(t, "emptied", replicaOf(t, testStore(t, filepath.Join(dir, "second.db"), nil), clients), 2)
	wantEpoch(t, "emptied again", replicaOf(t, testStore(t, filepath.Join(dir, "third.db"), nil), clients), 3)
	wantEpoch(t, "the store of the first epoch comes back", replicaOf(t, first, clients), 4)

	// The copy outside is lost: the store knows.
	if err := clients.CoreV1().ConfigMaps("holdfast-system").Delete(t.Context(), kube.MarkName, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	wantEpoch(t, "the copy was lost", replicaOf(t, first, clients), 4)
	if got := copied(t, clients)["epoch"]; got != "4" {
		t.Errorf("the copy says epoch %s", got)
	}
}

// law 1: database and cluster restored together agree with each other; that nobody ran in
// between tells.
func TestALongSilenceBeginsANewEpoch(t *testing.T) {
	clients, s := fake.NewClientset(), testStore(t, filepath.Join(t.TempDir(), "holdfast.db"), nil)
	wantEpoch(t, "at first", replicaOf(t, s, clients), 1)
	start := func(at time.Time) *epochWatch {
		w := &epochWatch{store: s, copy: kube.Marks{ConfigMaps: clients.CoreV1().ConfigMaps("holdfast-system")}, log: testr.New(t)}
		if err := w.begin(t.Context(), at); err != nil {
			t.Fatal(err)
		}
		return w
	}
	wantEpoch(t, "after a short pause", start(noon.Add(epoch.MaxSilence)), 1)
	after := start(noon.Add(epoch.MaxSilence + time.Second))
	if after.epoch() <= 1 {
		t.Errorf("after a long one epoch %d goes on", after.epoch())
	}
	if got := copied(t, clients)["epoch"]; got != strconv.FormatInt(after.epoch(), 10) {
		t.Errorf("the copy says epoch %s, want %d", got, after.epoch())
	}
}

// goneBack is a store that a test takes back to an earlier mark, as a restore does.
type goneBack struct {
	*store.Store
	back *epoch.Mark
}

func (g *goneBack) Mark(ctx context.Context) (epoch.Mark, error) {
	if g.back != nil {
		return *g.back, nil
	}
	return g.Store.Mark(ctx)
}

// Beat goes through a store that is really behind what was seen of it.
func (g *goneBack) Beat(ctx context.Context, outside epoch.Mark) (epoch.Mark, bool, error) {
	if g.back != nil {
		outside.Beat += 1000
		g.back = nil
	}
	return g.Store.Beat(ctx, outside)
}

// A restore under running replicas is noticed at the next look, also while the apiserver
// is away, and the other replicas follow.
func TestARestoreUnderRunningReplicas(t *testing.T) {
	clients := fake.NewClientset()
	memory := testStore(t, filepath.Join(t.TempDir(), "holdfast.db"), nil)
	restored := &goneBack{Store: memory}
	one, two := replicaOf(t, restored, clients), replicaOf(t, memory, clients)
	look(t, one, noon.Add(lookEvery))
	look(t, two, noon.Add(lookEvery))
	wantEpoch(t, "before", one, 1)

	following, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- two.Follow(context.Background(), time.Time{}, func() { close(following) }, func(fact.Fact) {})
	}()
	<-following

	away := errors.New("the apiserver is away")
	clients.PrependReactor("get", "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, away })
	restored.back = &epoch.Mark{Epoch: 1}
	if err := one.look(t.Context(), noon.Add(2*lookEvery)); !errors.Is(err, away) {
		t.Errorf("error %v, want that the copy was not read", err)
	}
	wantEpoch(t, "the one that looked", one, 2)
	look(t, two, noon.Add(2*lookEvery))
	wantEpoch(t, "the other", two, 2)
	if err := <-ended; err != nil {
		t.Errorf("the feed ended with %v; it is followed anew", err)
	}
	clients.ReactionChain = clients.ReactionChain[1:]
	look(t, one, noon.Add(time.Minute))
	if got := copied(t, clients)["epoch"]; got != "2" {
		t.Errorf("the copy says epoch %s", got)
	}
}

// However many replicas look, one beat each beatEvery is written.
func TestReplicasShareTheBeat(t *testing.T) {
	clients := fake.NewClientset()
	memory := testStore(t, filepath.Join(t.TempDir(), "holdfast.db"), nil)
	replicas := []*epochWatch{replicaOf(t, memory, clients), replicaOf(t, memory, clients), replicaOf(t, memory, clients)}
	clients.ClearActions()
	for i := range 30 { // a minute
		for _, w := range replicas {
			look(t, w, noon.Add(time.Duration(i+1)*lookEvery))
		}
	}
	writes := 0
	for _, action := range clients.Actions() {
		if action.GetVerb() == "update" {
			writes++
		}
	}
	if writes < 5 || writes > 12 {
		t.Errorf("%d writes in a minute, want one each %v at most", writes, beatEvery)
	}
}

func TestAnUnreadableCopyRefusesToStart(t *testing.T) {
	clients := fake.NewClientset(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "holdfast-system", Name: kube.MarkName}, Data: map[string]string{"epoch": "two"},
	})
	w := &epochWatch{
		store: testStore(t, filepath.Join(t.TempDir(), "holdfast.db"), nil),
		copy:  kube.Marks{ConfigMaps: clients.CoreV1().ConfigMaps("holdfast-system")}, log: testr.New(t),
	}
	if err := w.begin(t.Context(), noon); err == nil {
		t.Fatal("it starts, though nobody knows whether the store was restored")
	}
}
