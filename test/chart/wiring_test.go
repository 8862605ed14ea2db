package chart_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// Whatever names a port of the pods names one that they have.
func TestPortsExist(t *testing.T) {
	for _, values := range []string{least, most} {
		list := template(t, "-f", values)
		var ports []string
		for _, p := range deployment(t, list).Spec.Template.Spec.Containers[0].Ports {
			ports = append(ports, p.Name)
		}
		var named []string
		for _, o := range list {
			switch o.GetKind() {
			case "Service":
				var s corev1.Service
				into(t, o, &s)
				named = append(named, s.Spec.Ports[0].TargetPort.String())
			case "NetworkPolicy":
				var p networkingv1.NetworkPolicy
				into(t, o, &p)
				for _, rule := range p.Spec.Ingress {
					named = append(named, rule.Ports[0].Port.String())
				}
			}
		}
		for _, port := range named {
			if !slices.Contains(ports, port) {
				t.Errorf("%s: %s is none of the pod's ports %v", values, port, ports)
			}
		}
		if len(named) != 6 {
			t.Errorf("%s: Services and NetworkPolicy name %v", values, named)
		}
	}
}

// People come in by the hosts of the tenants, and by no other.
func TestPeopleComeByTheHostsOfTheTenants(t *testing.T) {
	list := template(t, "-f", most, "--set", "tenants[3].namespace=trial,tenants[3].hosts={localhost:8080}")
	want := []string{"account.example.com", "shop.example.com", "staff.example.com", "localhost"}

	var ingress networkingv1.Ingress
	into(t, find(t, list, "Ingress", ""), &ingress)
	var hosts []string
	for _, rule := range ingress.Spec.Rules {
		hosts = append(hosts, rule.Host)
		backend := rule.HTTP.Paths[0].Backend.Service
		var s corev1.Service
		into(t, find(t, list, "Service", backend.Name), &s)
		if s.Spec.Ports[0].Name != backend.Port.Name || s.Spec.Ports[0].TargetPort.String() != "public" {
			t.Errorf("%s leads to %v of %s", rule.Host, backend.Port, s.Name)
		}
	}
	if diff := cmp.Diff(want, hosts); diff != "" {
		t.Errorf("Ingress (-want +got):\n%s", diff)
	}
	route := find(t, list, "HTTPRoute", "")
	hosts, _, err := unstructured.NestedStringSlice(route.Object, "spec", "hostnames")
	if diff := cmp.Diff(want, hosts); diff != "" || err != nil {
		t.Errorf("HTTPRoute (-want +got): %v\n%s", err, diff)
	}
}

// Prometheus finds the metrics once, and its ServiceAccount may read them.
func TestPrometheusIsLetIn(t *testing.T) {
	list := template(t, "-f", most)
	monitor := find(t, list, "ServiceMonitor", "")
	selected, _, err := unstructured.NestedStringMap(monitor.Object, "spec", "selector", "matchLabels")
	if err != nil {
		t.Fatal(err)
	}
	var services []string
	for _, o := range list {
		if o.GetKind() == "Service" && labels.SelectorFromSet(selected).Matches(labels.Set(o.GetLabels())) {
			services = append(services, o.GetName())
		}
	}
	if !slices.Equal(services, []string{"holdfast-metrics"}) {
		t.Errorf("it scrapes %v", services)
	}
	var binding rbacv1.ClusterRoleBinding
	into(t, find(t, list, "ClusterRoleBinding", "holdfast-metrics-readers"), &binding)
	var role rbacv1.ClusterRole
	into(t, find(t, list, "ClusterRole", binding.RoleRef.Name), &role)
	if s := binding.Subjects[0]; s.Namespace+"/"+s.Name != "monitoring/prometheus-k8s" || !slices.Equal(role.Rules[0].NonResourceURLs, []string{"/metrics"}) {
		t.Errorf("%v may %v", s, role.Rules)
	}
}

// What several replicas need is there for several and for none else.
func TestReplicasAreKeptApart(t *testing.T) {
	for _, c := range []struct {
		name, values string
		args         []string
		many, scaled bool
	}{
		{"one", least, nil, false, false},
		{"one on PostgreSQL", least, []string{"--set", "store.type=postgres"}, false, false},
		{"three", most, nil, true, false},
		{"as many as it takes", least, []string{"--set", "store.type=postgres,autoscaling.enabled=true"}, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			list := template(t, append([]string{"-f", c.values}, c.args...)...)
			count := map[string]int{}
			for _, o := range list {
				count[o.GetKind()]++
			}
			d := deployment(t, list)
			spread := len(d.Spec.Template.Spec.TopologySpreadConstraints) > 0
			if (count["PodDisruptionBudget"] == 1) != c.many || spread != c.many {
				t.Errorf("%d budgets, spread %t", count["PodDisruptionBudget"], spread)
			}
			if (count["HorizontalPodAutoscaler"] == 1) != c.scaled || (d.Spec.Replicas == nil) != c.scaled {
				t.Errorf("%d autoscalers, replicas %v", count["HorizontalPodAutoscaler"], d.Spec.Replicas)
			}
			if c.scaled {
				var scaler autoscalingv2.HorizontalPodAutoscaler
				into(t, find(t, list, "HorizontalPodAutoscaler", ""), &scaler)
				if scaler.Spec.ScaleTargetRef.Name != d.Name {
					t.Errorf("it scales %s", scaler.Spec.ScaleTargetRef.Name)
				}
			}
		})
	}
}

// No role over all Secrets: Holdfast reads those of the tenants and its own keys.
func TestSecretsAreThoseOfTheTenants(t *testing.T) {
	read := map[string][]string{}
	for _, o := range template(t, "-f", most, "--set", "keys.secretName=my-keys") {
		if kind := o.GetKind(); kind != "Role" && kind != "ClusterRole" {
			continue
		}
		var role rbacv1.Role // a ClusterRole has no field that it lacks, but for aggregation
		into(t, o, &role)
		for _, rule := range role.Rules {
			if slices.Contains(rule.Resources, "secrets") && slices.Contains(rule.Verbs, "get") {
				read[o.GetKind()+" "+o.GetNamespace()] = rule.ResourceNames
			}
		}
	}
	want := map[string][]string{"Role shop": nil, "Role staff": nil, "Role import": nil, "Role " + system: {"my-keys"}}
	if !maps.EqualFunc(read, want, slices.Equal) {
		t.Errorf("Secrets are read by %v, want %v", read, want)
	}
}
