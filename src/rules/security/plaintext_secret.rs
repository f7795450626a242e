use crate::rules::prelude::*;

declare_rule! {
    /// A password, token or key is written into a manifest.
    ///
    /// ## Why
    /// It is in git for ever, in `kubectl describe`, in every backup of the cluster and in the logs of whoever prints
    /// the environment, and it cannot be changed without a release (FairwindsOps/polaris
    /// checks/sensitiveContainerEnvVar.yaml). The rule goes by the names of variables and of ConfigMap entries, and by
    /// URLs with a password and private keys among the values. Names such as `TOKEN_FILE` or `SECRET_NAME`, references
    /// such as `$(NAME)` and placeholders are left alone.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         env:
    ///         - { name: DB_PASSWORD, value: hunter2 }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    /// ```yaml,bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: { name: shop }
    /// data:
    ///   broker: amqp://shop:hunter2@rabbit:5672/
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         env:
    ///         - name: DB_PASSWORD
    ///           valueFrom: { secretKeyRef: { name: shop, key: password } }
    ///         - { name: DB_PASSWORD_FILE, value: /run/secrets/db }
    ///         - { name: DB_URL, value: "postgres://shop:$(DB_PASSWORD)@db/shop" }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "security/plaintext-secret" pub struct PlaintextSecret {}
    severity: Warning, fix: FixKind::None, preset: Preset::Security, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("takes names apart into words, for which CEL has too few functions of text"),
}

impl Rule for PlaintextSecret {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.templates() {
            for container in workload.every_container() {
                for variable in container.place.list("env") {
                    let Some(name) = variable.text_of("name") else { continue };
                    let Some(value) = variable.get("value") else { continue };
                    let place = format!("`{name}` of container `{}`", container.name);
                    look(cx, workload, name, value, &place);
                }
            }
        }
        for map in cluster.of_kind(Kind::ConfigMap) {
            for (name, value) in map.at("data").map(Place::entries).unwrap_or_default() {
                look(cx, map, name, value, &format!("`{name}` of ConfigMap `{}`", map.name));
            }
        }
    }
}

/// Reports what is secret; the message never says the value.
fn look(cx: &mut Ctx<'_>, object: &Object<'_>, name: &str, value: Place<'_>, place: &str) {
    let Some(text) = value.text() else { return };
    let (spot, message) = if let Some(range) = credentials(text) {
        (value.part_line(range), format!("{place} is a URL with a password"))
    } else if let Some(at) = private_key(text) {
        (value.part_line(at..text.len()), format!("{place} is a private key"))
    } else if is_secret_name(name) && is_literal(text) {
        (value.primary(), format!("{place} is a secret in plain text"))
    } else {
        return;
    };
    cx.report(object, spot, message)
        .here("whoever reads this has it")
        .help("put it into a Secret, name that by `valueFrom.secretKeyRef`, and change it");
}

/// Where a URL has a password that is none of a reference, if there is one.
fn credentials(text: &str) -> Option<std::ops::Range<usize>> {
    text.match_indices("://").find_map(|(at, _)| {
        let start = at + 3;
        let rest = text.get(start..)?;
        let end = rest.find(|c: char| c.is_whitespace() || "/?#\"'`,;|<>()".contains(c));
        let (user, _) = rest.get(..end.unwrap_or(rest.len()))?.rsplit_once('@')?;
        let (_, password) = user.split_once(':')?;
        is_literal(password).then(|| start..start + user.len())
    })
}

/// Where a private key begins.
fn private_key(text: &str) -> Option<usize> {
    let at = text.find("-----BEGIN ")?;
    let line = text.get(at..)?.lines().next()?;
    line.ends_with("PRIVATE KEY-----").then_some(at)
}

/// True for what may be a secret itself: no reference, path, address or switch.
fn is_literal(text: &str) -> bool {
    let masked = text.chars().all(|c| "*xX.-".contains(c));
    let switches = ["true", "false", "yes", "no", "on", "off", "none", "null", "redacted"];
    let elsewhere = ["/", "./", "vault:", "arn:", "ENC[", "file:", "env:", "ref+", "op://"];
    !masked
        && !text.contains(['$', '{', '}', '<', '>', '\n', ' '])
        && !switches.iter().any(|word| text.eq_ignore_ascii_case(word))
        && !elsewhere.iter().any(|start| text.starts_with(start))
        && !text.contains("://")
}

/// True for names of what must not be seen.
fn is_secret_name(name: &str) -> bool {
    // What is said of a secret, but is none.
    const ABOUT: [&str; 46] = [
        "file",
        "files",
        "path",
        "dir",
        "name",
        "names",
        "id",
        "ref",
        "url",
        "uri",
        "endpoint",
        "host",
        "port",
        "ttl",
        "expiry",
        "expiration",
        "expires",
        "lifetime",
        "seconds",
        "minutes",
        "length",
        "size",
        "limit",
        "count",
        "type",
        "store",
        "provider",
        "manager",
        "policy",
        "issuer",
        "audience",
        "algorithm",
        "header",
        "enabled",
        "required",
        "mount",
        "namespace",
        "version",
        "rotation",
        "interval",
        "yaml",
        "yml",
        "json",
        "conf",
        "properties",
        "sh",
    ];
    const SWITCHES: [&str; 11] = [
        "max", "min", "num", "use", "enable", "disable", "allow", "require", "is", "has", "public",
    ];
    const KEYS: [&str; 8] =
        ["api", "access", "private", "secret", "encryption", "signing", "master", "auth"];
    let words = words(name);
    let (Some(first), Some(last)) = (words.first(), words.last()) else { return false };
    if ABOUT.contains(&last.as_str()) || SWITCHES.contains(&first.as_str()) {
        return false;
    }
    let ends = ["password", "passwd", "passphrase", "secret", "token", "apikey", "privatekey"];
    let alone = words.iter().any(|word| ends.iter().any(|end| word.ends_with(end)));
    let key = words.windows(2).any(|pair| match pair {
        [of, key] => key == "key" && KEYS.contains(&of.as_str()),
        _ => false,
    });
    let short = words.len() > 1 && (last == "pwd" || last == "pass");
    alone || key || short
}

/// The words of a name, in lower case: `dbPassword`, `DB_PASSWORD` and `db.password` have the same.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut lower = false;
    for c in name.chars() {
        let parts = !c.is_ascii_alphanumeric();
        if parts || (c.is_ascii_uppercase() && lower) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| !parts) {
            word.push(c.to_ascii_lowercase());
        }
        lower = c.is_ascii_lowercase();
    }
    words.retain(|word| !word.is_empty() && word.parse::<u32>().is_err());
    words
}

cases! {
    names: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: w\n    env:\n    - {name: PASSWORD, value: abc}\n    - {name: PGPASSWORD, value: abc}\n    - {name: API_KEY, value: abc}\n    - {name: clientSecret, value: abc}\n    - {name: AWS_SECRET_ACCESS_KEY, value: abc}\n    - {name: STRIPE_TOKEN_2, value: abc}\n    - {name: tls.privateKey, value: abc}\n    - {name: SMTP_PASS, value: abc}\n"
        => ["8:31", "9:33", "10:30", "11:35", "12:44", "13:37", "14:37", "15:32"],
    harmless_names: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: w\n    env:\n    - {name: TOKEN_FILE, value: abc}\n    - {name: SECRET_NAME, value: abc}\n    - {name: AWS_ACCESS_KEY_ID, value: abc}\n    - {name: MAX_TOKEN, value: abc}\n    - {name: TOKENIZER, value: abc}\n    - {name: PASSWORD_MIN_LENGTH, value: abc}\n    - {name: PWD, value: abc}\n    - {name: PUBLIC_TOKEN, value: abc}\n    - {name: KEY, value: abc}\n    - {name: MONKEY, value: abc}\n    - {name: PARTITION_KEY, value: abc}\n"
        => [],
    harmless_values: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: w\n    env:\n    - {name: PASSWORD, value: ''}\n    - {name: PASSWORD, value: $(OTHER)}\n    - {name: PASSWORD, value: '{{ .Values.password }}'}\n    - {name: PASSWORD, value: '<password>'}\n    - {name: PASSWORD, value: \"true\"}\n    - {name: PASSWORD, value: /run/secrets/x}\n    - {name: PASSWORD, value: vault:secret/data/x#y}\n    - {name: PASSWORD, value: '****'}\n"
        => [],
    urls: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: w\n    env:\n    - {name: A, value: 'redis://:pw@cache'}\n    - {name: B, value: 'https://user@host/a:b@c'}\n    - {name: C, value: 'http://u:$(PW)@host'}\n    - {name: D, value: 'http://host:80/x@y'}\n"
        => ["8:33"],
    in_a_config_map: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  password: abc\n  token: \"\"\n  app.yaml: |\n    a: b\n    db: postgres://u:pw@host/x\n  key.pem: |\n    -----BEGIN RSA PRIVATE KEY-----\n    abc\n"
        => ["5:13", "9:20", "11:5"],
    a_secret_is_no_config_map: "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {password: abc}\n"
        => [],
}
