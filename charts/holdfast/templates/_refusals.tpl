{{/*
What no installation can want, said before anything is applied, all at once. What one
value alone can say wrong is refused by values.schema.json.
*/}}
{{- define "holdfast.refusals" -}}
{{- $wrong := list }}
{{- with .Values }}
{{- if not .image.repository }}
{{- $wrong = append $wrong "image.repository is empty: build the image with make image, push it, and say where it is (registry.example.com/holdfast)" }}
{{- end }}
{{- if not .tenants }}
{{- $wrong = append $wrong "tenants is empty: name at least one namespace that Holdfast serves, with the hosts of its pages (--set 'tenants[0].namespace=shop,tenants[0].hosts={account.example.com}')" }}
{{- end }}
{{- if and (eq .store.type "sqlite") (gt (int .replicas) 1) }}
{{- $wrong = append $wrong (printf "replicas is %d and store.type is sqlite: SQLite is one file of one process and takes one replica; for more set store.type to postgres" (int .replicas)) }}
{{- end }}
{{- if and (eq .store.type "sqlite") .autoscaling.enabled }}
{{- $wrong = append $wrong "autoscaling is enabled and store.type is sqlite: SQLite is one file of one process and takes one replica; for more set store.type to postgres" }}
{{- end }}
{{- if and .autoscaling.enabled (gt (int .autoscaling.minReplicas) (int .autoscaling.maxReplicas)) }}
{{- $wrong = append $wrong (printf "autoscaling.minReplicas is %d, more than autoscaling.maxReplicas, which is %d" (int .autoscaling.minReplicas) (int .autoscaling.maxReplicas)) }}
{{- end }}
{{- $owners := dict }}
{{- $namespaces := list }}
{{- range .tenants }}
{{- if has .namespace $namespaces }}
{{- $wrong = append $wrong (printf "tenants names the namespace %s twice: give it all its hosts in one entry" .namespace) }}
{{- end }}
{{- $namespaces = append $namespaces .namespace }}
{{- $namespace := .namespace }}
{{- range (default list .hosts) }}
{{- if hasKey $owners . }}
{{- $wrong = append $wrong (printf "tenants gives the host %s to %s and to %s: a host chooses one tenant" . (get $owners .) $namespace) }}
{{- end }}
{{- $_ := set $owners . $namespace }}
{{- end }}
{{- end }}
{{- if and (or .public.ingress.enabled .public.httpRoute.enabled) .tenants (not $owners) }}
{{- $wrong = append $wrong "public.ingress or public.httpRoute is enabled and no tenant has a host: name them in tenants[].hosts" }}
{{- end }}
{{- if and .public.httpRoute.enabled (not .public.httpRoute.parentRefs) }}
{{- $wrong = append $wrong "public.httpRoute is enabled without parentRefs: name the Gateway that people come through" }}
{{- end }}
{{- if and .metrics.serviceMonitor.enabled (not .metrics.enabled) }}
{{- $wrong = append $wrong "metrics.serviceMonitor is enabled and metrics is not: there is nothing to scrape" }}
{{- end }}
{{- if and .admission.mutation (semverCompare "<1.36.0-0" $.Capabilities.KubeVersion.Version) }}
{{- $wrong = append $wrong (printf "admission.mutation needs Kubernetes 1.36 or newer; this is %s" $.Capabilities.KubeVersion.Version) }}
{{- end }}
{{- end }}
{{- if $wrong }}
{{- fail (printf "Holdfast cannot be installed so:\n- %s" (join "\n- " $wrong)) }}
{{- end }}
{{- end }}
