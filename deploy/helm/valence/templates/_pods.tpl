{{/* What all pods have; takes (list $ UID). */}}
{{- define "valence.pod" -}}
{{- $ := first . -}}
automountServiceAccountToken: false
{{- with $.Values.serviceAccountName }}
serviceAccountName: {{ . }}
{{- end }}
{{- with $.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ last . }}
  runAsGroup: {{ last . }}
  fsGroup: {{ last . }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "valence.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{/* Where pods of a kind may run; takes (list $ COMPONENT VALUES). */}}
{{- define "valence.placement" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "valence.selector" (list (first .) (index . 1)) | nindent 8 }}
{{- with (last .).nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with (last .).tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* A variable out of the Secret; takes (list $ NAME). */}}
{{- define "valence.secret" -}}
- name: {{ last . }}
  valueFrom: { secretKeyRef: { name: {{ (first .).Values.secretName }}, key: {{ last . }} } }
{{- end }}

{{/* Of api and worker: where everything is that they speak to, and for which machines they may launch runs. */}}
{{- define "valence.control" -}}
{{ include "valence.secret" (list . "DATABASE_URL") }}
{{- if eq .Values.queue "redis" }}
{{ include "valence.secret" (list . "REDIS_URL") }}
{{- end }}
- { name: RECOMMENDER_ADDRESS, value: "{{ include "valence.name" . }}-recommender-headless:50052" }
- { name: RECOMMENDER_REPLICAS, value: {{ .Values.recommender.checkpointReplicas | quote }} }
{{- /* Also those that are scaled to none: a run that asks for one is what brings a machine. */}}
- { name: MACHINE_CLASSES, value: {{ include "valence.classes" . | quote }} }
- { name: LOG_LEVEL, value: {{ .Values.logLevel }} }
{{- include "valence.env" .Values.traces }}
{{- end }}

{{/* Plain variables of the values; takes a map. */}}
{{- define "valence.env" -}}
{{- range $name, $value := . }}
- { name: {{ $name }}, value: {{ $value | quote }} }
{{- end }}
{{- end }}

{{/* Of trainer and recommender. */}}
{{- define "valence.artifacts" -}}
- { name: VALENCE_ARTIFACTS, value: {{ .Values.artifacts.url | default "/artifacts" | quote }} }
{{- if .Values.artifacts.url }}
- { name: VALENCE_CACHE, value: /cache }
- { name: VALENCE_CACHE_BYTES, value: {{ .Values.artifacts.cacheBytes | int64 | quote }} }
{{- end }}
{{- include "valence.env" .Values.artifacts.env }}
{{- range .Values.artifacts.secretKeys }}
{{ include "valence.secret" (list $ .) }}
{{- end }}
- { name: NUMBA_CACHE_DIR, value: /tmp/numba }
- { name: LOG_LEVEL, value: {{ .Values.logLevel }} }
{{- include "valence.env" .Values.traces }}
{{- end }}

{{/* Bytes of the node's disk that a pod's cache of the object store takes; takes (list $ MAY-WRITE): who writes holds an upload, too. */}}
{{- define "valence.cacheBytes" -}}
{{- $ := first . -}}
{{- add ($.Values.artifacts.cacheBytes | int64) (ternary ($.Values.maxUploadBytes | int64) 0 (last .)) -}}
{{- end }}

{{/* Requests of trainer and recommender; takes (list $ MAY-WRITE REQUESTS), whose own ephemeral-storage goes first. */}}
{{- define "valence.requests" -}}
{{- $ := first . -}}
{{- $requests := last . | default dict -}}
{{- if $.Values.artifacts.url }}
{{- $requests = merge (dict) $requests (dict "ephemeral-storage" (include "valence.cacheBytes" (list $ (index . 1)))) }}
{{- end }}
{{- toYaml $requests }}
{{- end }}

{{/* Their folders; takes (list $ MAY-WRITE). */}}
{{- define "valence.mounts" -}}
- { name: tmp, mountPath: /tmp }
{{- if not (first .).Values.artifacts.url }}
- { name: artifacts, mountPath: /artifacts, readOnly: {{ not (last .) }} }
{{- else }}
- { name: cache, mountPath: /cache }
{{- end }}
{{- end }}

{{/* The same. A cache is a little over its bound before it evicts, and holds what is in use beyond it. */}}
{{- define "valence.volumes" -}}
{{- $ := first . -}}
- { name: tmp, emptyDir: {} }
{{- if not $.Values.artifacts.url }}
- name: artifacts
  persistentVolumeClaim:
    claimName: {{ $.Values.artifacts.volume.existingClaim | default (printf "%s-artifacts" (include "valence.name" $)) }}
{{- else }}
- { name: cache, emptyDir: { sizeLimit: {{ div (mul 5 (include "valence.cacheBytes" . | int64)) 4 | quote }} } }
{{- end }}
{{- end }}

{{/* Of the machines that may be asked for, separated by commas. */}}
{{- define "valence.classes" -}}
{{- $classes := list }}
{{- range $class, $machine := .Values.machines }}{{ if $machine.enabled }}{{ $classes = append $classes $class }}{{ end }}{{ end }}
{{- join "," $classes }}
{{- end }}
