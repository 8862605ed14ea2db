package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"holdfast.dev/holdfast/api/v1alpha1"
)

// TestColumns: kubectl get shows these columns, and those in brackets with -o wide.
func TestColumns(t *testing.T) {
	restConfig := rest.CopyConfig(config)
	restConfig.APIPath, restConfig.GroupVersion = "/apis", &v1alpha1.GroupVersion
	restConfig.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	c, err := rest.RESTClientFor(restConfig)
	if err != nil {
		t.Fatal(err)
	}
	for resource, want := range map[string]string{
		"verificationpolicies": "Name Mode State Ready Reason [Accounts] [Hosts] Age",
		"accountblocks":        "Name Account Reason State Until [Scope] [Value] [Extensions] [Ready] Age",
		"securityinfochanges":  "Name Account Action State Reason Until [Restricted] [By] Age",
		"recoveryrequests":     "Name Account State Reason RespondBy Until [Approvals] [Change] Age",
	} {
		data, err := c.Get().Resource(resource).Namespace(namespace).
			SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").Do(t.Context()).Raw()
		if err != nil {
			t.Fatalf("list %s as a table: %v", resource, err)
		}
		var table metav1.Table
		if err := json.Unmarshal(data, &table); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, column := range table.ColumnDefinitions {
			if column.Priority > 0 {
				column.Name = "[" + column.Name + "]"
			}
			names = append(names, column.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s\n got %s\nwant %s", resource, got, want)
		}
	}
}
