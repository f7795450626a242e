//! A service of a fleet, with nothing wrong: the files of one folder. `NAME` and `SPACE` stand for its name and
//! namespace.

/// Each file with its text.
pub(crate) const FILES: [(&str, &str); 6] = [
    (
        "workload.yaml",
        r#"apiVersion: apps/v1
kind: Deployment
metadata: { name: NAME, namespace: SPACE, labels: { app: NAME } }
spec:
  strategy: { type: RollingUpdate, rollingUpdate: { maxSurge: 25%, maxUnavailable: 0 } }
  selector: { matchLabels: { app: NAME } }
  template:
    metadata: { labels: { app: NAME } }
    spec:
      terminationGracePeriodSeconds: 45
      containers:
        - name: NAME
          image: registry.example.com/NAME:1.4.2
          ports: [{ name: http, containerPort: 8080 }]
          resources:
            requests: { cpu: 250m, memory: 512Mi }
            limits: { memory: 512Mi }
          startupProbe: { httpGet: { path: /healthz, port: http }, failureThreshold: 24 }
          readinessProbe: { httpGet: { path: /ready, port: http } }
          livenessProbe: { httpGet: { path: /healthz, port: http }, periodSeconds: 30 }
          lifecycle: { preStop: { exec: { command: [sleep, "10"] } } }
"#,
    ),
    (
        "service.yaml",
        r"apiVersion: v1
kind: Service
metadata: { name: NAME, namespace: SPACE, labels: { app: NAME } }
spec:
  selector: { app: NAME }
  ports:
    - name: http
      port: 80
      targetPort: http
",
    ),
    (
        "scaling.yaml",
        r"apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: NAME, namespace: SPACE }
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: NAME
  minReplicas: 3
  maxReplicas: 12
  metrics:
    - type: Pods
      pods: { metric: { name: queue_length }, target: { type: AverageValue, averageValue: 10 } }
",
    ),
    (
        "disruption.yaml",
        r"apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: NAME, namespace: SPACE }
spec:
  minAvailable: 2
  selector: { matchLabels: { app: NAME } }
",
    ),
    (
        "monitoring.yaml",
        r"apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: { name: NAME, namespace: SPACE }
spec:
  selector: { matchLabels: { app: NAME } }
  endpoints:
    - path: /metrics
      port: http
      interval: 15s
",
    ),
    (
        "rules.yaml",
        r#"apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: { name: NAME, namespace: SPACE }
spec:
  groups:
    - name: NAME
      rules:
        - record: pod:request_duration_seconds:p95
          expr: |
            histogram_quantile(0.95,
              sum by (le, pod) (
                rate(request_duration_seconds_bucket{service="NAME"}[2m])
              )
            )
        - alert: TooManyErrors
          expr: >-
            sum(rate(requests_total{service="NAME",code=~"5.."}[5m]))
            / sum(rate(requests_total{service="NAME"}[5m]))
            > 0.01
          for: 5m
"#,
    ),
];

/// The text of a file for the service with this number, of a fleet over seven namespaces.
pub(crate) fn filled(text: &str, index: usize) -> String {
    text.replace("NAME", &name(index)).replace("SPACE", &format!("team-{}", index % 7))
}

/// The name of the service with this number, and of its folder.
pub(crate) fn name(index: usize) -> String {
    format!("service-{index:05}")
}
