use crate::rules::prelude::*;

declare_rule! {
    /// The `behavior` of an autoscaler has values that are refused.
    ///
    /// ## Why
    /// The API server refuses the HPA (`validateBehavior` in `pkg/apis/autoscaling/validation/validation.go`): a window has 0
    /// to 3600 seconds, a policy a value above 0 and a period of 1 to 1800 seconds, and an empty list of policies is none.
    /// KEDA copies the `behavior` of a ScaledObject without a look, so there the operator fails to write the HPA, and what
    /// runs stays as it is.
    ///
    /// ```yaml,bad
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    ///   behavior:
    ///     scaleDown:
    ///       stabilizationWindowSeconds: 7200
    /// ```
    /// ```yaml,good
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    ///   behavior:
    ///     scaleDown:
    ///       stabilizationWindowSeconds: 3600
    ///       policies: [{ type: Percent, value: 10, periodSeconds: 1800 }]
    /// ```
    "scaling/rejected-behavior" pub struct RejectedBehavior {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("finds what the API server refuses by itself"),
}

impl Rule for RejectedBehavior {
    fn check(&self, cx: &mut Ctx<'_>) {
        for autoscaler in cx.cluster.autoscalers() {
            let Some(behavior) = autoscaler.behavior() else { continue };
            for direction in ["scaleUp", "scaleDown"] {
                if let Some(rules) = behavior.get(direction) {
                    Direction { autoscaler, name: direction }.check(cx, rules);
                }
            }
        }
    }
}

struct Direction<'c, 'a> {
    autoscaler: &'c Autoscaler<'a>,
    name: &'static str,
}

impl<'a> Direction<'_, 'a> {
    fn check(&self, cx: &mut Ctx<'_>, rules: Place<'a>) {
        self.bounds(cx, rules.get("stabilizationWindowSeconds"), 0, Some(3600));
        self.choice(cx, rules.get("selectPolicy"), &["Max", "Min", "Disabled"]);
        if let Some(place) = rules.get("tolerance")
            && let Some(text) = place.text()
            && crate::units::quantity(text).is_some_and(|value| value < Decimal::ZERO)
        {
            self.report(cx, place, &format!("is {text}, below 0"), "`0` or more, such as `0.05`");
        }
        let Some(policies) = rules.get("policies") else { return };
        if policies.is_sequence() && policies.items().next().is_none() {
            self.report(cx, policies, "is empty", "one policy at least, or leave the key out");
        }
        for policy in policies.items() {
            self.choice(cx, policy.get("type"), &["Pods", "Percent"]);
            self.bounds(cx, policy.get("value"), 1, None);
            self.bounds(cx, policy.get("periodSeconds"), 1, Some(1800));
        }
    }

    fn bounds(&self, cx: &mut Ctx<'_>, place: Option<Place<'a>>, least: i64, most: Option<i64>) {
        let Some(place) = place else { return };
        let Some(value) = place.int() else { return };
        if value < least {
            let help =
                most.map_or_else(|| format!("{least} or more"), |it| format!("{least} to {it}"));
            self.report(cx, place, &format!("is {value}, below {least}"), &help);
        } else if let Some(most) = most.filter(|most| value > *most) {
            let fault = format!("is {value}, above {most}");
            self.report(cx, place, &fault, &format!("{least} to {most}"));
        }
    }

    fn choice(&self, cx: &mut Ctx<'_>, place: Option<Place<'a>>, known: &[&str]) {
        let Some(place) = place else { return };
        let Some(text) = place.text().filter(|text| !known.contains(text) && !is_placeholder(text))
        else {
            return;
        };
        let near = known.iter().copied().find(|it| it.eq_ignore_ascii_case(text));
        let near = near.or_else(|| nearest(text, known.iter().copied()));
        let wanted = near.map_or_else(|| known.join(", "), |near| format!("`{near}`"));
        self.report(cx, place, &format!("is `{text}`, which there is not"), &wanted);
    }

    fn report(&self, cx: &mut Ctx<'_>, place: Place<'a>, fault: &str, wanted: &str) {
        let key = place.key().unwrap_or("");
        let (word, name) = (self.autoscaler.word(), self.autoscaler.name);
        let message = format!("{key} of {} of {word} `{name}` {fault}", self.name);
        cx.report(self.autoscaler, place, message)
            .here("the API server refuses it")
            .help(format!("write for `{key}`: {wanted}"));
    }
}

cases! {
    each_fault: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {name: a}\n  maxReplicas: 3\n  behavior:\n    # comment\n    scaleUp: {stabilizationWindowSeconds: -1,\n      selectPolicy: max,\n      tolerance: -0.1,\n      policies: [\n      {type: Pod, value: 0, periodSeconds: 0},\n      {type: Percent, value: 200, periodSeconds: 1801}]}\n"
        => ["9:43", "10:21", "11:18", "13:14", "13:26", "13:44", "14:50"],
    empty_policies: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {advanced: {horizontalPodAutoscalerConfig: {behavior: {scaleDown: {policies: []}}}}}\n"
        => ["4:74"],
    limits_are_fine: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {behavior: {scaleUp: {stabilizationWindowSeconds: 0, tolerance: 0, policies: [{type: Pods, value: 1, periodSeconds: 1800}]}, scaleDown: {stabilizationWindowSeconds: 3600, selectPolicy: Disabled, policies: ~}}}\n"
        => [],
    not_numbers: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {behavior: {scaleUp: {stabilizationWindowSeconds: \"{{ x }}\", selectPolicy: '${P}', policies: [{value: \"0\"}]}}}\n"
        => [],
}
