{{- define "holdfast.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* 50 characters leave room for -metrics and the like. */}}
{{- define "holdfast.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $full .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* Never changes: a Deployment's selector is immutable. */}}
{{- define "holdfast.selector" -}}
app.kubernetes.io/name: {{ include "holdfast.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: manager
{{- end }}

{{- define "holdfast.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "holdfast.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: holdfast
{{- end }}

{{- define "holdfast.serviceAccount" -}}
{{- default (include "holdfast.fullname" .) .Values.serviceAccount.name }}
{{- end }}

{{- define "holdfast.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}
{{- end }}

{{/* "true" where there may be more than one replica. */}}
{{- define "holdfast.many" -}}
{{- if or .Values.autoscaling.enabled (gt (int .Values.replicas) 1) }}true{{ end }}
{{- end }}

{{/* The hosts of all tenants without their ports, as JSON. */}}
{{- define "holdfast.hosts" -}}
{{- $hosts := list }}
{{- range .Values.tenants }}
{{- range .hosts }}{{ $hosts = append $hosts (regexReplaceAll ":[0-9]+$" . "") }}{{ end }}
{{- end }}
{{- $hosts | uniq | toJson }}
{{- end }}

{{/*
Objects of files/, which `make generate` copies from config/, in JSON: what config/ and
the chart install cannot drift apart. Takes files (a pattern) and root.
*/}}
{{- define "holdfast.objects" -}}
{{- $objects := list }}
{{- $root := .root }}
{{- $found := $root.Files.Glob .files }}
{{- if not $found }}{{ fail (printf "the chart lacks %s: run make generate" .files) }}{{ end }}
{{- range $path, $_ := $found }}
{{- range splitList "\n---\n" ($root.Files.Get $path) }}
{{- $object := fromYaml . }}
{{- $labels := merge (include "holdfast.labels" $root | fromYaml) (default dict $object.metadata.labels) }}
{{- $_ := set $object.metadata "labels" $labels }}
{{- $objects = append $objects $object }}
{{- end }}
{{- end }}
{{- dict "objects" $objects | toJson }}
{{- end }}

{{/*
Gives an object of config/ the names of this release. Takes object, root, namespace.
*/}}
{{- define "holdfast.named" -}}
{{- $object := .object }}
{{- $full := include "holdfast.fullname" .root }}
{{- $_ := set $object.metadata "name" (printf "%s%s" $full (trimPrefix "holdfast" $object.metadata.name)) }}
{{- if not (hasPrefix "Cluster" $object.kind) }}
{{- $_ := set $object.metadata "namespace" .namespace }}
{{- end }}
{{- if $object.roleRef }}
{{- $_ := set $object.roleRef "name" (printf "%s%s" $full (trimPrefix "holdfast" $object.roleRef.name)) }}
{{- end }}
{{- range $object.subjects }}
{{- $_ := set . "name" (include "holdfast.serviceAccount" $.root) }}
{{- $_ := set . "namespace" $.root.Release.Namespace }}
{{- end }}
{{- range $object.rules }}
{{- if has "holdfast-keys" (default list .resourceNames) }}
{{- $_ := set . "resourceNames" (list $.root.Values.keys.secretName) }}
{{- end }}
{{- end }}
{{- toYaml $object }}
{{- end }}
