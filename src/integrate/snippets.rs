//! Files that make other programs run slogen: manifests and configuration, to be kept with theirs.

/// Where releases are, and the hooks and the action of this repository, unless someone mirrors them.
pub const REPOSITORY: &str = "https://github.com/slogen/slogen";

/// A program that slogen can be made part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Host {
    /// Argo CD: a config management plugin, and how its repo-server gets it.
    ArgoCd,
    /// GitHub Actions: a workflow that lints, with annotations and code scanning.
    Github,
    /// GitLab CI/CD: a component that lints, with a code quality report.
    Gitlab,
    /// pre-commit: hooks that lint before each commit.
    PreCommit,
    /// Krew: the manifest by which `kubectl krew` installs slogen; needs `--checksums`.
    Krew,
}

/// A platform that releases are made for, in the words of Krew and of Rust.
struct Platform {
    os: &'static str,
    arch: &'static str,
    /// Rust's target, which names the archive. Those of Linux are linked to no C library of a distribution.
    target: &'static str,
}

const PLATFORMS: [Platform; 6] = [
    Platform { os: "linux", arch: "amd64", target: "x86_64-unknown-linux-musl" },
    Platform { os: "linux", arch: "arm64", target: "aarch64-unknown-linux-musl" },
    Platform { os: "darwin", arch: "amd64", target: "x86_64-apple-darwin" },
    Platform { os: "darwin", arch: "arm64", target: "aarch64-apple-darwin" },
    Platform { os: "windows", arch: "amd64", target: "x86_64-pc-windows-msvc" },
    Platform { os: "windows", arch: "arm64", target: "aarch64-pc-windows-msvc" },
];

impl Platform {
    fn archive(&self) -> String {
        let form = if self.os == "windows" { "zip" } else { "tar.gz" };
        format!("slogen-{}.{form}", self.target)
    }

    /// What Krew installs here: the program, beside it the licences.
    fn krew(&self, repository: &str, archive: &str, sum: &str) -> String {
        let version = env!("CARGO_PKG_VERSION");
        let suffix = if self.os == "windows" { ".exe" } else { "" };
        let Self { os, arch, .. } = self;
        format!(
            "    - selector: {{matchLabels: {{os: {os}, arch: {arch}}}}}\n      \
             uri: {repository}/releases/download/v{version}/{archive}\n      \
             sha256: {sum}\n      \
             files:\n        \
             - {{from: slogen{suffix}, to: .}}\n        \
             - {{from: LICENSE-*, to: .}}\n      \
             bin: slogen{suffix}\n"
        )
    }
}

/// The plugin.yaml that Helm 4 wants of a post-renderer.
pub fn helm_plugin() -> String {
    filled(include_str!("helm-plugin.yaml.txt"), "")
}

/// The file for `host`, which finds slogen in `repository`. `checksums` is what `sha256sum` prints of the release's
/// archives, which Krew wants to know. The error says what to give instead.
pub fn snippet(host: Host, repository: &str, checksums: Option<&str>) -> Result<String, String> {
    if !repository.starts_with("https://") || repository.contains(char::is_whitespace) {
        return Err(format!("`{repository}` is no address of a repository, such as {REPOSITORY}"));
    }
    let repository = repository.trim_end_matches('/').trim_end_matches(".git");
    if checksums.is_some() && host != Host::Krew {
        return Err("only Krew's manifest holds checksums".to_owned());
    }
    Ok(match host {
        Host::ArgoCd => filled(include_str!("argo-cd.yaml.txt"), repository),
        Host::Github => {
            let slug = repository.strip_prefix("https://github.com/").ok_or_else(|| {
                format!("GitHub runs actions of its own repositories, which `{repository}` is not")
            })?;
            filled(include_str!("github.yaml.txt"), repository).replace("@slug@", slug)
        }
        Host::Gitlab => filled(include_str!("gitlab.yaml.txt"), repository),
        Host::PreCommit => filled(include_str!("pre-commit.yaml.txt"), repository),
        Host::Krew => krew(repository, checksums)?,
    })
}

fn filled(template: &str, repository: &str) -> String {
    template.replace("@version@", env!("CARGO_PKG_VERSION")).replace("@repository@", repository)
}

fn krew(repository: &str, checksums: Option<&str>) -> Result<String, String> {
    let archives: Vec<String> = PLATFORMS.iter().map(Platform::archive).collect();
    let how = "`sha256sum slogen-*.tar.gz slogen-*.zip > checksums.txt` in the folder of a release's archives \
               writes them for `--checksums checksums.txt`";
    let Some(checksums) = checksums else {
        return Err(format!("Krew's manifest holds the checksums of a release's archives; {how}"));
    };
    let (mut missing, mut platforms) = (Vec::new(), Vec::new());
    for (platform, archive) in PLATFORMS.iter().zip(&archives) {
        match checksum(checksums, archive)? {
            Some(sum) => platforms.push(platform.krew(repository, archive, &sum)),
            None => missing.push(format!("`{archive}`")),
        }
    }
    if missing.is_empty() {
        Ok(filled(include_str!("krew.yaml.txt"), repository) + &platforms.concat())
    } else {
        Err(format!("there is no checksum of {}; {how}", missing.join(", ")))
    }
}

/// The SHA-256 of the file `name` among the lines of `sha256sum`: digest, two characters for the mode, name.
fn checksum(lines: &str, name: &str) -> Result<Option<String>, String> {
    let named = lines.lines().find_map(|line| {
        let (sum, file) = line.trim().split_once(char::is_whitespace)?;
        let file = file.trim_start().trim_start_matches('*');
        let last = file.rsplit(['/', '\\']).next()?;
        (last == name).then(|| sum.to_ascii_lowercase())
    });
    match named {
        Some(sum) if sum.len() != 64 || !sum.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Err(format!("`{sum}` is no SHA-256 of `{name}`, which has 64 hexadecimal digits"))
        }
        named => Ok(named),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_read_as_sha256sum_writes_them() {
        let sum = "a".repeat(64);
        let lines = format!("{sum}  other.zip\n{sum} *dist/slogen.zip\r\nshort  bad.zip\n");
        assert_eq!(checksum(&lines, "slogen.zip"), Ok(Some(sum)));
        assert_eq!(checksum(&lines, "gone.zip"), Ok(None));
        assert!(checksum(&lines, "bad.zip").is_err());
    }

    #[test]
    fn nothing_is_left_to_fill_in() {
        let sum = "0".repeat(64);
        let line = |platform: &Platform| format!("{sum}  {}", platform.archive());
        let sums = PLATFORMS.iter().map(line).collect::<Vec<_>>().join("\n");
        for host in <Host as clap::ValueEnum>::value_variants() {
            let sums = (*host == Host::Krew).then_some(sums.as_str());
            let text = snippet(*host, "https://github.com/me/fork.git", sums).unwrap();
            for mark in ["@version@", "@repository@", "@slug@", ".git\n"] {
                assert!(!text.contains(mark), "{host:?}: {mark}");
            }
        }
        assert!(snippet(Host::Github, "https://gitlab.com/me/fork", None).is_err());
        assert!(snippet(Host::Gitlab, "me/fork", None).is_err());
    }
}
