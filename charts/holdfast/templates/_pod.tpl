{{- define "holdfast.args" -}}
- serve
- --namespace=$(POD_NAMESPACE)
{{- if eq .Values.store.type "sqlite" }}
- --store=sqlite:/data/holdfast.db
{{- else }}
- "--store=postgres:"
- --store-file=/store/{{ .Values.store.postgres.key }}
{{- end }}
- --keys-secret={{ .Values.keys.secretName }}
- --public-addr=:8080
- --service-addr=:8090
- --probes-addr=:8081
- --metrics-addr={{ ternary ":8443" "0" .Values.metrics.enabled }}
- --public-scheme={{ .Values.public.scheme }}
- --leader-election=true
- --issuer={{ .Values.issuer }}
{{- range .Values.tenants }}
- {{ printf "--tenant=%s" .namespace }}{{ with .hosts }}={{ join "," . }}{{ end }}
{{- end }}
{{- with .Values.providerEndpoints }}
- {{ printf "--provider-endpoints=%s" (join "," .) | quote }}
{{- end }}
{{- with .Values.trustedProxies }}
- {{ printf "--trusted-proxies=%s" (join "," .) | quote }}
{{- end }}
{{- if .Values.service.tls.secretName }}
- --service-tls-cert=/service-tls/tls.crt
- --service-tls-key=/service-tls/tls.key
{{- end }}
{{- end }}

{{- define "holdfast.placement" -}}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml .Values.topologySpreadConstraints | nindent 2 }}
{{- else if include "holdfast.many" . }}
topologySpreadConstraints:
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "holdfast.selector" . | nindent 6 }}
{{- end }}
{{- end }}
