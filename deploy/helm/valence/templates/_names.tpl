{{- define "valence.name" -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Of what a selector finds; takes (list $ COMPONENT). */}}
{{- define "valence.selector" -}}
app.kubernetes.io/name: valence
app.kubernetes.io/instance: {{ (first .).Release.Name }}
app.kubernetes.io/component: {{ last . }}
{{- end }}

{{/* Takes (list $ COMPONENT). */}}
{{- define "valence.labels" -}}
{{ include "valence.selector" . }}
app.kubernetes.io/version: {{ (first .).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (first .).Release.Service }}
helm.sh/chart: {{ printf "%s-%s" (first .).Chart.Name (first .).Chart.Version }}
{{- end }}

{{/* Takes (list $ IMAGE), or (list $ IMAGE OTHER) where fields that IMAGE leaves empty are OTHER's. */}}
{{- define "valence.image" -}}
{{- $image := index . 1 -}}
{{- $other := last . -}}
{{ $image.repository | default $other.repository }}:{{ $image.tag | default $other.tag | default (first .).Chart.AppVersion }}
{{- end }}
