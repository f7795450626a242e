use crate::rules::prelude::*;
use crate::source::Span;

declare_rule! {
    /// A fleet scales on memory that it does not give back.
    ///
    /// ## Why
    /// Most runtimes keep the memory that a peak made them take: the JVM its heap, others their caches. Usage per pod hardly
    /// falls when more pods share the load, so the HPA adds pods and never removes one
    /// (kubernetes/kubernetes#28986, kubernetes/ingress-nginx#10371).
    ///
    /// ```yaml,bad
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    ///   metrics:
    ///   - type: Resource
    ///     resource: { name: memory, target: { type: Utilization, averageUtilization: 75 } }
    /// ```
    /// ```yaml,good
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    ///   metrics:
    ///   - type: Resource
    ///     resource: { name: cpu, target: { type: Utilization, averageUtilization: 70 } }
    ///   - type: Resource
    ///     resource: { name: memory, target: { type: Utilization, averageUtilization: 85 } }
    /// ```
    "scaling/memory-metric" pub struct MemoryMetric {
        /// Starts of arguments and of names of environment variables that tell of a runtime that keeps its memory.
        pub runtimes: Vec<String> =
            ["-Xmx", "-Xms", "-XX:", "JAVA_", "JDK_JAVA_", "JVM_", "CATALINA_OPTS"].map(str::to_owned).to_vec(),
    }
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the autoscaler and the workload that it scales"),
}

impl Rule for MemoryMetric {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for autoscaler in cluster.autoscalers() {
            let Some(metric) = autoscaler
                .metrics
                .iter()
                .find(|metric| metric.utilization.is_some_and(|of| of.resource == "memory"))
            else {
                continue;
            };
            let Some(spot) = metric.utilization.and_then(|of| of.resource_place) else { continue };
            let (word, name) = (autoscaler.word(), autoscaler.name);
            let container = metric.container();
            let keeper = cluster.target(autoscaler).and_then(|workload| {
                let counted = workload.containers.iter();
                let mut counted = counted.filter(|it| container.is_none_or(|name| name == it.name));
                counted.find_map(|it| Some((it.name, self.keeper(it)?)))
            });
            // A single metric of memory scales down again only where pods give it back, which nobody can see.
            let alone = autoscaler.metrics.len() == 1;
            let message = match &keeper {
                Some((container, (_, mark))) => format!(
                    "{word} `{name}` scales on memory, which `{container}` keeps, as `{mark}` tells"
                ),
                None if alone => format!("memory is the only metric of {word} `{name}`"),
                None => continue,
            };
            cx.report(autoscaler, spot, message)
                .here("rises with load, hardly falls")
                .label_if(keeper.map(|(_, (spot, _))| spot), "keeps its memory")
                .help("scale on cpu or on requests in flight, and guard memory with a limit and an alert");
        }
    }
}

impl MemoryMetric {
    /// Where a container says that its runtime keeps memory, and the word that says so.
    fn keeper<'a>(&self, container: &Container<'a>) -> Option<(Span, &'a str)> {
        let tells = |word: &str| self.runtimes.iter().any(|start| word.starts_with(start.as_str()));
        let word_of = |place: Place<'a>| {
            let words = place.text()?.split([' ', '\n', '\t', '"', '\'', '=']);
            words.into_iter().find(|word| tells(word)).map(|word| (place.primary(), word))
        };
        let arguments = ["command", "args"].into_iter().flat_map(|key| container.place.list(key));
        let variables = || container.place.list("env");
        arguments.into_iter().find_map(word_of).or_else(|| {
            variables().find_map(|variable| {
                let name = variable.get("name")?;
                let named =
                    name.text().filter(|name| tells(name)).map(|text| (name.primary(), text));
                named.or_else(|| word_of(variable.get("value")?))
            })
        })
    }
}

cases! {
    java_by_argument: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: w, command: [java, -Xmx2g, -jar, a.jar]}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, metrics: [{type: Resource, resource: {name: memory, target: {averageUtilization: 80}}}, {type: Resource, resource: {name: cpu, target: {averageUtilization: 80}}}]}\n"
        => ["9:134"],
    java_by_environment: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: w, env: [{name: JAVA_TOOL_OPTIONS, value: x}]}]}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {name: a}\n  triggers:\n  - {type: kafka}\n  - type: memory\n    metricType: Utilization\n    metadata: {value: '80'}\n"
        => ["13:11"],
    in_a_script_and_a_value: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: w, env: [{name: OPTS, value: '-server -XX:MaxRAMPercentage=75'}]}]}}}\n---\n# the same\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, metrics: [{type: Resource, resource: {name: memory, target: {averageUtilization: 80}}}, {type: Pods}]}\n"
        => ["10:134"],
    other_container: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: w, args: [-Xmx1g]}, {name: p}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, metrics: [{type: ContainerResource, containerResource: {name: memory, container: p, target: {averageUtilization: 80}}}, {type: Pods}]}\n"
        => [],
    absolute_values: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {maxReplicas: 3, metrics: [{type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 1Gi}}}]}\n"
        => [],
    default_metric: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {maxReplicas: 3}\n"
        => [],
}
