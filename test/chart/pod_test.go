package chart_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Every argument is a flag of the binary, and every flag has a value of the chart.
func TestArgumentsAreTheFlagsOfTheBinary(t *testing.T) {
	output, err := exec.CommandContext(t.Context(), filepath.Join(root, "bin", "holdfast"), "serve", "--help").CombinedOutput()
	if err != nil {
		t.Fatalf("bin/holdfast serve --help (make build): %v\n%s", err, output)
	}
	flags := map[string]bool{}
	for _, found := range regexp.MustCompile(`(?m)^\s+(?:-\w, )?--([a-z-]+)`).FindAllStringSubmatch(string(output), -1) {
		flags[found[1]] = true
	}
	delete(flags, "help")
	delete(flags, "kubeconfig") // a pod has its ServiceAccount

	given := map[string]bool{}
	for _, values := range []string{least, most} {
		args := deployment(t, template(t, "-f", values)).Spec.Template.Spec.Containers[0].Args
		if args[0] != "serve" {
			t.Errorf("command %s", args[0])
		}
		for _, arg := range args[1:] {
			flag, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
			given[flag] = true
		}
	}
	if diff := cmp.Diff(flags, given); diff != "" {
		t.Errorf("a flag that the chart does not know needs a value in charts/holdfast (-flags +arguments):\n%s", diff)
	}
}

// The image has the user, the ports and the folder that the chart counts on.
func TestTheImageFitsTheChart(t *testing.T) {
	file, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	line := func(pattern string) []string {
		found := regexp.MustCompile("(?m)^" + pattern + "$").FindStringSubmatch(string(file))
		if found == nil {
			t.Fatalf("no line of the Dockerfile is %s", pattern)
		}
		return found[1:]
	}
	pod := deployment(t, template(t, "-f", least)).Spec.Template.Spec
	c := pod.Containers[0]
	user := line(`USER (\d+:\d+)`)[0]
	if want := strconv.FormatInt(*pod.SecurityContext.RunAsUser, 10) + ":" + strconv.FormatInt(*pod.SecurityContext.RunAsGroup, 10); user != want {
		t.Errorf("the image's user is %s, the pod's %s", user, want)
	}
	if owner := line(`COPY --from=build --chown=(\d+:\d+) /out/data /data`)[0]; owner != user {
		t.Errorf("/data is %s's", owner)
	}
	var ports []string
	for _, p := range c.Ports {
		ports = append(ports, strconv.Itoa(int(p.ContainerPort)))
	}
	if exposed := strings.Fields(line(`EXPOSE (.*)`)[0]); !slices.Equal(slices.Sorted(slices.Values(exposed)), slices.Sorted(slices.Values(ports))) {
		t.Errorf("the image exposes %v, the pod %v", exposed, ports)
	}
	if entry := line(`ENTRYPOINT \[(.*)\]`)[0]; entry != `"/holdfast"` || len(c.Command) > 0 {
		t.Errorf("entry point %s, command %v", entry, c.Command)
	}
	// On an empty image whose root is read-only SQLite finds no other folder.
	if spill, mount := line(`ENV SQLITE_TMPDIR=(.*)`)[0], c.VolumeMounts[0].MountPath; spill != mount {
		t.Errorf("SQLite spills to %s, the volume is at %s", spill, mount)
	}
}

// The apiserver takes the pods where the Pod Security Standard "restricted" is enforced.
func TestPodsAreRestricted(t *testing.T) {
	ctx, c := t.Context(), admin(t)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: "restricted", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}
	if err := c.Create(ctx, namespace); err != nil {
		t.Fatal(err)
	}
	try := func(values string, worsen func(*corev1.PodSpec)) error {
		spec := deployment(t, template(t, "-f", values)).Spec.Template.Spec
		spec.PriorityClassName = "" // of other namespaces
		worsen(&spec)
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: "trial"}, Spec: spec}
		return c.Create(ctx, pod, client.DryRunAll)
	}
	for _, values := range []string{least, most} {
		if err := try(values, func(*corev1.PodSpec) {}); err != nil {
			t.Errorf("%s: %v", values, err)
		}
	}
	err := try(least, func(s *corev1.PodSpec) { s.SecurityContext.SeccompProfile = nil })
	if err == nil || !strings.Contains(err.Error(), "restricted") {
		t.Errorf("a pod without seccomp profile: %v", err)
	}
}

// A Deployment's selector is immutable: no value and no version of the chart may reach it.
func TestTheSelectorIsStable(t *testing.T) {
	want := map[string]string{
		"app.kubernetes.io/name": "holdfast", "app.kubernetes.io/instance": "holdfast", "app.kubernetes.io/component": "manager",
	}
	for _, values := range []string{least, most} {
		list := template(t, "-f", values)
		d := deployment(t, list)
		if diff := cmp.Diff(want, d.Spec.Selector.MatchLabels); diff != "" {
			t.Errorf("the selector of the first release is not this one (-first +now):\n%s", diff)
		}
		for key, value := range want {
			if d.Spec.Template.Labels[key] != value {
				t.Errorf("pods have %s=%s", key, d.Spec.Template.Labels[key])
			}
		}
		for _, o := range list {
			if o.GetKind() != "Service" {
				continue
			}
			var s corev1.Service
			into(t, o, &s)
			if !maps.Equal(s.Spec.Selector, want) {
				t.Errorf("%s selects %v", name(o), s.Spec.Selector)
			}
		}
	}
}

// A pod has the time to end: out of the Services, requests (10 s), messages (20 s) and
// the store, in cmd/holdfast and internal/courier.
func TestPodsEndGracefully(t *testing.T) {
	const messages, closing = 20, 5
	for values, pause := range map[string]int64{least: 0, most: 5} {
		pod := deployment(t, template(t, "-f", values)).Spec.Template.Spec
		if hook := pod.Containers[0].Lifecycle; (hook == nil) != (pause == 0) || (hook != nil && hook.PreStop.Sleep.Seconds != pause) {
			t.Errorf("%s: lifecycle %v", values, hook)
		}
		if grace := *pod.TerminationGracePeriodSeconds; grace < pause+messages+closing {
			t.Errorf("%s: %d s of grace", values, grace)
		}
	}
}
