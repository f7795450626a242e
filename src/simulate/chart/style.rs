//! Colours and type, for light and dark screens and for paper.

/// What a colour stands for, as a class, on white and on black. The lines are of Okabe and Ito's palette
/// ("Color Universal Design", 2008), darkened or lightened until they stand out from the ground by 3:1 at least
/// (WCAG 2.2, 1.4.11), text by 4.5:1 (1.4.3).
const COLORS: [(&str, &str, &str); 14] = [
    ("ground", "#ffffff", "#0d1117"),
    ("ink", "#1f2328", "#e6edf3"),
    ("muted", "#59636e", "#9da7b3"),
    ("grid", "#d8dee4", "#30363d"),
    ("edge", "#8c959f", "#6e7681"),
    ("load", "#0072b2", "#56b4e9"),
    ("answered", "#00795a", "#2fcfa3"),
    ("failed", "#d55e00", "#ff8f45"),
    ("replicas", "#0072b2", "#56b4e9"),
    ("ready", "#b35900", "#f0a93b"),
    ("target", "#c44500", "#ff8f45"),
    ("goal0", "#0072b2", "#56b4e9"),
    ("goal1", "#a8437f", "#e59cc6"),
    ("goal2", "#00795a", "#2fcfa3"),
];

/// Lines of more goals look like the first ones again.
const GOALS: [&str; 3] = ["goal0", "goal1", "goal2"];

/// The class of a goal's line.
pub(super) fn goal(at: usize) -> &'static str {
    GOALS.get(at % GOALS.len()).copied().unwrap_or("goal0")
}

/// Of the picture. Without `<`, `>`, `&` and quotes, which readers of HTML and of XML take differently.
const PICTURE: &str = "
.slogen{font:12px system-ui,-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif}
.slogen text{fill:currentColor}
.slogen .title{font-size:18px;font-weight:600}
.slogen .head{font-size:13px;font-weight:600}
.slogen .small{font-size:11px}
.slogen .end{text-anchor:end}
.slogen .middle{text-anchor:middle}
.slogen .fill{fill:currentColor}
.slogen .area{fill:currentColor;fill-opacity:.13}
.slogen .line{fill:none;stroke:currentColor;stroke-width:1.8;stroke-linejoin:round}
.slogen .thick{stroke-width:5;stroke-opacity:.5}
.slogen .thin{fill:none;stroke:currentColor;stroke-width:1}
.slogen .stage{stroke-opacity:.6}
.slogen .dashed{stroke-dasharray:6 4;stroke-width:1.6}
.slogen .dotted{stroke-dasharray:2 3}
.slogen .hatch{fill:url(#slogen-hatch-broad)}
.narrow .hatch{fill:url(#slogen-hatch-narrow)}
.slogen .hit{fill:currentColor;fill-opacity:0}
.slogen .hit:hover{fill-opacity:.1}
";

/// Of the page around it.
const PAGE: &str = "
body{margin:0;font:15px/1.5 system-ui,-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif}
main{max-width:1080px;margin:0 auto;padding:24px}
h1{font-size:24px;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:17px;margin:28px 0 8px}
p{margin:0 0 16px}
li{overflow-wrap:anywhere}
svg.slogen{display:block;width:100%;height:auto}
svg.narrow{display:none}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums;width:100%}
code{font:13px ui-monospace,Menlo,Consolas,DejaVu Sans Mono,monospace}
th,td{padding:5px 7px;text-align:right;white-space:nowrap;border-bottom:1px solid #d8dee4}
th{font-weight:600}
thead th{vertical-align:bottom;white-space:normal}
thead .group{text-align:center}
.first{border-left:1px solid #d8dee4}
th.name{position:sticky;left:0;text-align:left;white-space:normal;min-width:90px;overflow-wrap:break-word}
tr.total{font-weight:600}
tr.total th,tr.total td{border-top:2px solid #8c959f}
";

/// Where the page is dark.
const DARK_PAGE: &str = "
:root{color-scheme:dark}
th,td,.first{border-color:#30363d}
tr.total th,tr.total td{border-top-color:#6e7681}
";

/// On a phone.
const NARROW: &str = "
main{padding:16px}
svg.broad{display:none}
svg.narrow{display:block}
ul{padding-left:20px}
thead th{white-space:nowrap}
";

/// On paper.
const PAPER: &str = "
@page{margin:12mm}
main{max-width:none;padding:0}
svg.slogen,tr,li{break-inside:avoid}
h2{break-after:avoid}
.wide{overflow:visible}
table{font-size:9px}
th,td{padding:3px 4px}
";

/// The style of the picture.
pub(super) fn picture() -> String {
    let rule =
        |(class, light, _): &(&str, &str, &str)| format!(".slogen .{class}{{color:{light}}}\n");
    let dark =
        |(class, _, dark): &(&str, &str, &str)| format!(".slogen .{class}{{color:{dark}}}\n");
    let (light, dark): (String, String) =
        (COLORS.iter().map(rule).collect(), COLORS.iter().map(dark).collect());
    format!("{PICTURE}{light}@media screen and (prefers-color-scheme:dark){{\n{dark}}}\n")
}

/// The style of the page.
pub(super) fn page() -> String {
    let rules = |pick: fn(&(&str, &'static str, &'static str)) -> &'static str| {
        let color = |class: &str| COLORS.iter().find(|(name, ..)| *name == class).map_or("", pick);
        let (ground, ink, muted) = (color("ground"), color("ink"), color("muted"));
        format!("body,th.name{{background:{ground};color:{ink}}}\n.quiet{{color:{muted}}}\n")
    };
    let (light, dark) = (rules(|(_, light, _)| light), rules(|(.., dark)| dark));
    format!(
        "{PAGE}{light}@media screen and (prefers-color-scheme:dark){{{DARK_PAGE}{dark}}}\n\
         @media screen and (max-width:640px){{{NARROW}}}\n@media print{{{PAPER}}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (WCAG 2.2).
    fn luminance(color: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&color[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    #[test]
    fn everything_stands_out_from_the_ground() {
        let contrast = |one: &str, two: &str| {
            let (one, two) = (luminance(one), luminance(two));
            (one.max(two) + 0.05) / (one.min(two) + 0.05)
        };
        let (_, white, black) = COLORS[0];
        for (class, light, dark) in &COLORS[1..] {
            let least = match *class {
                // What only helps to read the rest.
                "grid" => 1.2,
                "ink" | "muted" | "target" => 4.5,
                _ => 3.0,
            };
            for (color, ground) in [(light, white), (dark, black)] {
                let contrast = contrast(color, ground);
                assert!(contrast >= least, "{class} {color}: {contrast:.2}");
            }
        }
    }

    #[test]
    fn html_and_xml_read_the_same_style() {
        assert!(!(picture() + &page()).contains(['<', '>', '&', '"']));
    }
}
