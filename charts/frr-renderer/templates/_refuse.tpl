{{- /*
What MetalLB's chart has and this one can't have: refused in words, since who moves from MetalLB has these in a values file. What neither has
is refused by values.schema.json.
*/}}
{{- define "frr-renderer.refuse" -}}
{{- $theirs := "belongs to MetalLB's own chart, which keeps running its controller: take it out of the values of frr-renderer" -}}
{{- $never := "is of no use here: take it out" -}}
{{- $all := dict
  "controller" (printf "controller %s" $theirs)
  "frrk8s" "frrk8s: frr-renderer configures FRR itself, without frr-k8s: take it out, and install MetalLB with frrk8s.enabled=false"
  "frr-k8s" "frr-k8s: frr-renderer configures FRR itself, without frr-k8s: take it out, and install MetalLB with frrk8s.enabled=false"
-}}
{{- range $key, $words := $all }}{{ if hasKey $.Values $key }}{{ fail $words }}{{ end }}{{ end -}}
{{- $speaker := dict
  "enabled" "speaker.enabled: this chart is the speaker; to be without it, uninstall it"
  "memberlist" (printf "speaker.memberlist is for layer 2, which frr-renderer does not do; it %s" $never)
  "excludeInterfaces" (printf "speaker.excludeInterfaces is for layer 2, which frr-renderer does not do; it %s" $never)
  "gratuitousARPInterval" (printf "speaker.gratuitousARPInterval is for layer 2, which frr-renderer does not do; it %s" $never)
  "secretName" (printf "speaker.secretName is memberlist's, which is for layer 2; it %s" $never)
  "tlsMinVersion" "speaker.tlsMinVersion is tls.minVersion here: rename it"
  "tlsCipherSuites" "speaker.tlsCipherSuites is tls.cipherSuites here: rename it"
  "bgpDebounceTimeout" (printf "speaker.bgpDebounceTimeout: changes are applied at once; it %s" $never)
  "reloader" (printf "speaker.reloader: there is no such container; it %s" $never)
  "frrMetrics" (printf "speaker.frrMetrics: there is no such container, speaker.resources is for all of ours; it %s" $never)
-}}
{{- range $key, $words := $speaker }}{{ if hasKey $.Values.speaker $key }}{{ fail $words }}{{ end }}{{ end -}}
{{- $frr := dict
  "enabled" "speaker.frr.enabled: FRR is all that frr-renderer has; take it out"
  "securityContext" "speaker.frr.securityContext: the container frr has the least rights that FRR starts with; take it out"
  "metricsPort" "speaker.frr.metricsPort: BGP's and BFD's metrics are at prometheus.metricsPort with all others; take it out"
  "secureMetricsPort" "speaker.frr.secureMetricsPort: BGP's and BFD's metrics are at prometheus.metricsPort with all others; take it out"
-}}
{{- range $key, $words := $frr }}{{ if hasKey $.Values.speaker.frr $key }}{{ fail $words }}{{ end }}{{ end -}}
{{- range $key := list "cpFrrFiles" "cpReloader" "cpMetrics" -}}
{{- if hasKey $.Values.speaker.initContainers $key }}{{ fail (printf "speaker.initContainers.%s: there is one init container; its resources are speaker.initContainers.resources" $key) }}{{ end -}}
{{- end -}}
{{- $prometheus := dict
  "rbacProxy" (printf "prometheus.rbacProxy: frr-renderer serves HTTPS itself, at prometheus.metricsPort; it %s" $never)
  "secureMetricsPort" "prometheus.secureMetricsPort: prometheus.metricsPort is the port of HTTPS here; take it out"
  "speakerMetricsTLSSecret" "prometheus.speakerMetricsTLSSecret is tls.speakerMetricsTLSSecret here: rename it"
  "controllerMetricsTLSSecret" (printf "prometheus.controllerMetricsTLSSecret %s" $theirs)
-}}
{{- range $key, $words := $prometheus }}{{ if hasKey $.Values.prometheus $key }}{{ fail $words }}{{ end }}{{ end -}}
{{- if hasKey .Values.crds "validationFailurePolicy" }}{{ fail (printf "crds.validationFailurePolicy is about the webhooks of MetalLB's controller; it %s" $theirs) }}{{ end -}}
{{- if hasKey .Values.tls "controllerMetricsTLSSecret" }}{{ fail (printf "tls.controllerMetricsTLSSecret %s" $theirs) }}{{ end -}}
{{- if hasKey .Values.prometheus.serviceMonitor "controller" }}{{ fail (printf "prometheus.serviceMonitor.controller %s" $theirs) }}{{ end -}}
{{- range $key := list "addressPoolExhausted" "addressPoolUsage" -}}
{{- if hasKey $.Values.prometheus.prometheusRule $key }}{{ fail (printf "prometheus.prometheusRule.%s is about addresses, which MetalLB's controller gives; it %s" $key $theirs) }}{{ end -}}
{{- end -}}
{{- include "frr-renderer.refuseKeys" (dict "value" "speaker.labels" "given" .Values.speaker.labels "own" (include "frr-renderer.podLabels" .)) -}}
{{- include "frr-renderer.refuseKeys" (dict "value" "speaker.podAnnotations" "given" .Values.speaker.podAnnotations "own" (include "frr-renderer.podAnnotations" .)) -}}
{{- $own := include "frr-renderer.labels" . -}}
{{- range $name := list "podMonitor" "prometheusRule" -}}
{{- include "frr-renderer.refuseKeys" (dict "value" (printf "prometheus.%s.additionalLabels" $name) "given" (get $.Values.prometheus $name).additionalLabels "own" $own) -}}
{{- end -}}
{{- include "frr-renderer.refuseKeys" (dict "value" "prometheus.serviceMonitor.speaker.additionalLabels" "given" .Values.prometheus.serviceMonitor.speaker.additionalLabels "own" $own) -}}
{{- if and .Values.prometheus.podMonitor.enabled .Values.prometheus.serviceMonitor.enabled }}{{ fail "prometheus.podMonitor.enabled and prometheus.serviceMonitor.enabled would count everything twice: enable one" }}{{ end -}}
{{- if eq (int .Values.prometheus.metricsPort) 17472 }}{{ fail "prometheus.metricsPort 17472 is the port of /healthz and /readyz on the node: take another one, such as 9120" }}{{ end -}}
{{- if and .Values.prometheus.rbacPrometheus (not (and .Values.prometheus.serviceAccount .Values.prometheus.namespace)) }}{{ fail "prometheus.rbacPrometheus needs prometheus.serviceAccount and prometheus.namespace: whom to give the rights" }}{{ end -}}
{{- include "frr-renderer.refuseGDC" . -}}
{{- end }}

{{- /* What can't work with floating IPs, or without. */}}
{{- define "frr-renderer.refuseGDC" -}}
{{- $gdc := .Values.gdc.enabled -}}
{{- range $arg := .Values.speaker.extraArgs -}}
{{- $flag := regexReplaceAll "^--?([^=]*).*$" $arg "${1}" -}}
{{- if hasPrefix "gdc" $flag }}{{ if not $gdc }}{{ fail (printf "speaker.extraArgs: %s alone has neither the port, nor the capabilities, nor a manager: set gdc.enabled=true" $arg) }}{{ end }}{{ end -}}
{{- if and $gdc (eq $flag "gdc") }}{{ fail (printf "speaker.extraArgs: %s is what gdc.enabled says: take it out" $arg) }}{{ end -}}
{{- if $gdc }}{{ include "frr-renderer.refuseAlone" (dict "value" "speaker.extraArgs" "arg" $arg "flag" $flag) }}{{ end -}}
{{- end -}}
{{- range $arg := .Values.gdc.manager.extraArgs -}}
{{- if regexMatch "^--?source-" $arg }}{{ fail (printf "gdc.manager.extraArgs: %s alone has neither the file nor the rights: say it with gdc.manager.source" $arg) }}{{ end -}}
{{- include "frr-renderer.refuseAlone" (dict "value" "gdc.manager.extraArgs" "arg" $arg "flag" (regexReplaceAll "^--?([^=]*).*$" $arg "${1}")) -}}
{{- end -}}
{{- with .Values.gdc.manager.source -}}
{{- if and .kubeconfigSecret (not .namespace) }}{{ fail "gdc.manager.source.kubeconfigSecret needs gdc.manager.source.namespace: that of the objects to copy, such as cluster-NAME" }}{{ end -}}
{{- if and .namespace (not .kubeconfigSecret) }}{{ fail "gdc.manager.source.namespace needs gdc.manager.source.kubeconfigSecret: a Secret with the key kubeconfig, which names the admin cluster" }}{{ end -}}
{{- if and .kubeconfigSecret (not $gdc) }}{{ fail "gdc.manager.source is for the manager, which there is with gdc.enabled only: set gdc.enabled=true, or take it out" }}{{ end -}}
{{- end -}}
{{- if $gdc -}}
{{- if has (int .Values.prometheus.metricsPort) (list 1790 17474) }}{{ fail (printf "prometheus.metricsPort %d is taken in GDC mode (1790: BGP between nodes, 17474: /healthz of the manager): take another one, such as 9120" (int .Values.prometheus.metricsPort)) }}{{ end -}}
{{- if .Values.speaker.securityContext.runAsNonRoot }}{{ fail "speaker.securityContext.runAsNonRoot: the containers start as root, and leave it at once: take it out" }}{{ end -}}
{{- include "frr-renderer.refuseKeys" (dict "value" "gdc.manager.labels" "given" .Values.gdc.manager.labels "own" (printf "%s\napp.kubernetes.io/component: manager" (include "frr-renderer.labels" .))) -}}
{{- include "frr-renderer.refuseKeys" (dict "value" "gdc.manager.podAnnotations" "given" .Values.gdc.manager.podAnnotations "own" (include "frr-renderer.managerAnnotations" .)) -}}
{{- if and (not .Values.gdc.manager.serviceAccount.create) (eq (include "frr-renderer.managerAccountName" .) (include "frr-renderer.serviceAccountName" .)) .Values.rbac.create -}}
{{- fail "gdc.manager.serviceAccount.name is that of the speaker: every node could then write what the manager may; give it an account of its own" -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- /* Manager and nodes decide by the same rules, so a flag of one of them alone would have them differ. */}}
{{- define "frr-renderer.refuseAlone" -}}
{{- $whole := dict "lb-class" "loadBalancerClass" "ignore-exclude-lb" "speaker.ignoreExcludeLB" "namespace" "helm's --namespace" "lease-namespace" "helm's --namespace" -}}
{{- with get $whole .flag }}{{ fail (printf "%s: %s would have the manager and the nodes decide differently: say it with %s, which is for both" $.value $.arg .) }}{{ end -}}
{{- end }}

{{- /* A key that the chart writes itself would be there twice. */}}
{{- define "frr-renderer.refuseKeys" -}}
{{- $own := .own | fromYaml -}}
{{- range $key, $_ := .given }}{{ if hasKey $own $key }}{{ fail (printf "%s: %s is the chart's own: take it out" $.value $key) }}{{ end }}{{ end -}}
{{- end }}
