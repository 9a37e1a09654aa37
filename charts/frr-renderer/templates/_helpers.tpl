{{- define "frr-renderer.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "frr-renderer.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "frr-renderer.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "frr-renderer.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "frr-renderer.selectorLabels" -}}
app.kubernetes.io/name: {{ include "frr-renderer.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- /* As MetalLB's chart labels its speaker (app.kubernetes.io/component) and as its plain manifests do (component). */}}
{{- define "frr-renderer.speakerLabels" -}}
app.kubernetes.io/component: speaker
component: speaker
{{- end }}

{{- define "frr-renderer.podLabels" -}}
{{ include "frr-renderer.labels" . }}
{{ include "frr-renderer.speakerLabels" . }}
{{- end }}

{{- define "frr-renderer.podAnnotations" -}}
kubectl.kubernetes.io/default-container: frr-renderer
# What FRR is started with, which it reads then only; nothing else of a new chart starts pods anew by itself.
frr-renderer.io/startup: {{ include "frr-renderer.startup" . | sha256sum | trunc 16 | quote }}
{{- if .Values.prometheus.scrapeAnnotations }}
prometheus.io/scrape: "true"
prometheus.io/port: {{ .Values.prometheus.metricsPort | quote }}
prometheus.io/scheme: https
{{- end }}
{{- end }}

{{- define "frr-renderer.serviceAccountName" -}}
{{- if .Values.speaker.serviceAccount.create }}
{{- default (printf "%s-speaker" (include "frr-renderer.fullname" .)) .Values.speaker.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.speaker.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "frr-renderer.managerAccountName" -}}
{{- if .Values.gdc.manager.serviceAccount.create }}
{{- default (printf "%s-manager" (include "frr-renderer.fullname" .)) .Values.gdc.manager.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.gdc.manager.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "frr-renderer.managerAnnotations" -}}
kubectl.kubernetes.io/default-container: manager
{{- if .Values.prometheus.scrapeAnnotations }}
prometheus.io/scrape: "true"
prometheus.io/port: {{ .Values.prometheus.metricsPort | quote }}
prometheus.io/scheme: https
{{- end }}
{{- end }}

{{- define "frr-renderer.image" -}}
{{ .Values.speaker.image.repository }}:{{ .Values.speaker.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "frr-renderer.frrImage" -}}
{{- $mend := "set speaker.frr.image.repository and speaker.frr.image.tag to an FRR image, 8.4 or newer: that of your MetalLB's speaker, for instance" -}}
{{ required $mend .Values.speaker.frr.image.repository }}:{{ required $mend .Values.speaker.frr.image.tag }}
{{- end }}

{{- /* The numbers of a probe; the check itself is beside it. */}}
{{- define "frr-renderer.probe" -}}
{{ omit . "enabled" "port" | toYaml }}
{{- end }}

{{- /* Of the pod: what people ask for, and FRR's group beside their own. */}}
{{- define "frr-renderer.podSecurityContext" -}}
{{- $asked := .Values.speaker.securityContext | default dict -}}
{{- $groups := append ($asked.supplementalGroups | default list) .Values.speaker.frr.vtyGroup -}}
{{ mergeOverwrite (deepCopy $asked) (dict "supplementalGroups" $groups) | toYaml }}
{{- end }}

{{- /* User frr, since the files and sockets are FRR's; group frrvty, since the sockets may be its only. Nothing else is allowed. */}}
{{- define "frr-renderer.ourSecurityContext" -}}
runAsUser: {{ .Values.speaker.frr.user }}
runAsGroup: {{ .Values.speaker.frr.group }}
runAsNonRoot: true
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: ["ALL"]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- /*
In GDC mode floating IPs and ARP take NET_ADMIN and NET_RAW. A runtime gives capabilities to root alone, so the container starts as root, without any but
these and those to become user frr; "become" makes it that user, who keeps just the two.
*/}}
{{- define "frr-renderer.gatewaySecurityContext" -}}
runAsUser: 0
runAsGroup: {{ .Values.speaker.frr.group }}
runAsNonRoot: false
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: ["ALL"]
  add:
    - NET_ADMIN
    - NET_RAW
    - SETGID
    - SETUID
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "frr-renderer.becomeArgs" -}}
- become
- --user={{ .Values.speaker.frr.user }}
- --group={{ .Values.speaker.frr.group }}
{{- $pod := include "frr-renderer.podSecurityContext" . | fromYaml }}
{{- range $pod.supplementalGroups }}
- --groups={{ . | int64 }}
{{- end }}
{{- with $pod.fsGroup }}
- --groups={{ . | int64 }}
{{- end }}
- --keep=NET_ADMIN
- --keep=NET_RAW
- --
- /opt/frr-renderer/frr-renderer
{{- end }}

{{- define "frr-renderer.args" -}}
{{- if .Values.gdc.enabled -}}
{{ include "frr-renderer.becomeArgs" . }}
{{ end -}}
- run
{{- if .Values.gdc.enabled }}
- --gdc
{{- end }}
- --node-name=$(METALLB_NODE_NAME)
- --pod-name=$(METALLB_POD_NAME)
- --namespace=$(METALLB_NAMESPACE)
- --vty-dir=/var/run/frr
- --log-level={{ .Values.speaker.logLevel }}
- --metrics-addr=:{{ .Values.prometheus.metricsPort }}
{{- if .Values.tls.speakerMetricsTLSSecret }}
- --metrics-cert-dir=/etc/metrics-certs
{{- end }}
{{- include "frr-renderer.tlsArgs" . }}
{{- include "frr-renderer.announceArgs" . }}
{{- if .Values.speaker.serviceStatus }}
- --service-status
{{- end }}
{{- range .Values.speaker.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}

{{- define "frr-renderer.tlsArgs" -}}
{{- with .Values.tls.minVersion }}
- --tls-min-version={{ . }}
{{- end }}
{{- with .Values.tls.cipherSuites }}
- {{ printf "--tls-cipher-suites=%s" . | quote }}
{{- end }}
{{- with .Values.tls.curvePreferences }}
- {{ printf "--tls-curve-preferences=%s" . | quote }}
{{- end }}
{{- end }}

{{- /* What the manager and the nodes have to see alike: both decide who announces what. */}}
{{- define "frr-renderer.announceArgs" -}}
{{- with .Values.loadBalancerClass }}
- {{ printf "--lb-class=%s" . | quote }}
{{- end }}
{{- if .Values.speaker.ignoreExcludeLB }}
- --ignore-exclude-lb
{{- end }}
{{- end }}

{{- define "frr-renderer.managerArgs" -}}
- manager
- --namespace=$(METALLB_NAMESPACE)
- --log-level={{ .Values.gdc.manager.logLevel }}
# In a network of its own: kubelet asks at the pod's address. /status is for the pod itself: kubectl port-forward, or exec.
- --health-addr=:17474
- --metrics-addr=:{{ .Values.prometheus.metricsPort }}
{{- if .Values.tls.managerMetricsTLSSecret }}
- --metrics-cert-dir=/etc/metrics-certs
{{- end }}
{{- include "frr-renderer.tlsArgs" . }}
{{- include "frr-renderer.announceArgs" . }}
{{- with .Values.gdc.manager.source }}
{{- if .kubeconfigSecret }}
- --source-kubeconfig=/etc/source/kubeconfig
- --source-namespace={{ .namespace }}
{{- end }}
{{- end }}
{{- range .Values.gdc.manager.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}

{{- /* Written to /etc/frr when the pod starts; frr.conf only where there is none, since the one that is there is what was applied last. */}}
{{- define "frr-renderer.startup" -}}
daemons: |
  {{- if .Values.gdc.enabled }}
  # bgpd listens on 1790 for the other nodes, and never on 179: a router that dialled a node would be told all over a session that is none of a
  # floating IP's. It opens the sessions with routers. No daemon has a telnet port that others reach.
  {{- else }}
  # bgpd does not listen (-p 0): it opens the sessions, and needs no port of the node. No daemon has a telnet port that others reach.
  {{- end }}
  bgpd=yes
  bfdd=yes
  vtysh_enable=yes
  zebra_options="-A 127.0.0.1 -s 90000000 --limit-fds 100000"
  bgpd_options="-A 127.0.0.1 -p {{ ternary 1790 0 .Values.gdc.enabled }} --limit-fds 100000"
  bfdd_options="-A 127.0.0.1 --limit-fds 100000"
  staticd_options="-A 127.0.0.1 --limit-fds 100000"
vtysh.conf: |
  service integrated-vtysh-config
frr.conf: |
  ! Nothing was applied yet: frr-renderer puts the configuration in this file's place.
  frr defaults traditional
  log stdout informational
  service integrated-vtysh-config
{{- end }}
