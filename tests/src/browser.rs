//! Pages as a browser shows them: headless Chromium, called through `scripts/browser` as by hand.

use std::path::{Path, PathBuf};
use std::process::Command;

use zune_png::PngDecoder;
use zune_png::zune_core::colorspace::ColorSpace;
use zune_png::zune_core::options::DecoderOptions;

use crate::Ran;

/// Widths at which a page is measured on screen: a desk, a tablet, a telephone.
const SCREENS: [u32; 3] = [1400, 1000, 400];
/// The printed width of a sheet of A4, 210 mm with margins of 14 mm, and the printed height of one of Letter, 279 mm: what fits
/// in both fits on either.
const PAPER: (u32, u32) = (688, 948);
/// What it is called, as `scripts/browser` knows it.
const NAMES: [&str; 2] = ["chromium", "google-chrome"];

/// A browser that is there.
#[derive(Debug, Clone, Copy)]
pub struct Browser(());

/// The browser, or `None` after saying that the test is skipped.
#[must_use]
pub fn browser() -> Option<Browser> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| NAMES.iter().any(|name| folder.join(name).is_file()));
    if !found {
        crate::skip("there is no chromium");
    }
    found.then_some(Browser(()))
}

/// How a page is laid out at several widths, on screen and on paper.
#[derive(Debug, Default)]
pub struct Measured {
    /// The number of figures and articles by width, for each width one.
    pub figures: Vec<(u32, usize)>,
    /// What is wrong: `WIDTH: figure: what`.
    pub wrong: Vec<String>,
}

impl Browser {
    /// Opens a page with further flags of Chromium.
    #[must_use]
    pub fn open(self, page: &Path, flags: &[&str]) -> Ran {
        Ran::of(Command::new(crate::root().join("scripts/browser")).arg(page).args(flags))
    }

    /// Pictures of a page, light and dark, wide and narrow, and the page as printed, in a folder.
    #[must_use]
    pub fn pictures(self, page: &Path, folder: &Path) -> Ran {
        Ran::of(Command::new(crate::root().join("scripts/screenshots")).arg(page).arg(folder))
    }

    /// Measures copies of a page, which it puts into a folder. The page itself has no script; the copies have
    /// `tests/browser/measure.js`.
    ///
    /// # Panics
    /// Where a page cannot be opened.
    #[track_caller]
    #[must_use]
    pub fn measure(self, page: &str, folder: &Path) -> Measured {
        let script = std::fs::read_to_string(crate::root().join("tests/browser/measure.js")).expect("a script");
        let copy = |name: &str, page: &str, more: &str| {
            let (before, after) = page.rsplit_once("</body>").expect("a body");
            let copy = format!("{before}<script{more}>{script}</script></body>{after}");
            std::fs::write(folder.join(name), copy).expect("a copy");
        };
        let (paper, sheet) = PAPER;
        copy("screen.html", page, "");
        copy("paper.html", &page.replace("@media print", "@media all"), &format!(" data-sheet={sheet}"));
        let frame = |name: &str, width: u32| {
            format!("<iframe src='{name}.html' style='width:{width}px;height:900px;border:0'></iframe>")
        };
        let frames: String = SCREENS.map(|width| frame("screen", width)).concat() + &frame("paper", paper);
        let listener = r#"<script>addEventListener("message", (told) => all.append(told.data + "\n"))</script>"#;
        let around = folder.join("around.html");
        let document =
            format!("<!doctype html><meta charset=utf-8><body><pre id=all></pre>{listener}{frames}<p>end</p>");
        std::fs::write(&around, document).expect("a page");
        let flags = ["--window-size=1500,1000", "--virtual-time-budget=20000", "--dump-dom"];
        let told = self.open(&around, &flags).exits(0).stdout;
        let told = told.split("<pre id=\"all\">").nth(1).and_then(|rest| rest.split("</pre>").next()).expect("words");
        let mut measured = Measured::default();
        for line in told.lines() {
            let counted = line.strip_suffix(" figures").and_then(|line| line.split_once(": "));
            match counted.map(|(width, count)| (width.parse(), count.parse())) {
                Some((Ok(width), Ok(count))) => measured.figures.push((width, count)),
                _ => measured.wrong.push(line.to_owned()),
            }
        }
        measured.figures.sort_unstable();
        assert_eq!(measured.figures.len(), SCREENS.len() + 1, "not measured at every width: {told}");
        measured
    }
}

/// What can be said of a picture without looking at it.
#[derive(Debug, Clone, Copy)]
pub struct Picture {
    /// Its width in pixels.
    pub width: usize,
    /// How light it is on the whole, from 0 to 255.
    pub light: f64,
    /// The share of pixels that are not of the commonest colour.
    pub drawn: f64,
}

impl Picture {
    /// Reads the upper part of a PNG file: as many rows as are asked for, which a page fills however long it is.
    ///
    /// # Panics
    /// Where the file is none.
    #[track_caller]
    #[must_use]
    pub fn of(path: &PathBuf, rows: usize) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let options = DecoderOptions::default().set_max_width(4_000).set_max_height(20_000);
        let mut decoder = PngDecoder::new_with_options(zune_png::zune_core::bytestream::ZCursor::new(bytes), options);
        let pixels = decoder.decode_raw().expect("a PNG picture");
        let (width, _) = decoder.dimensions().expect("a size");
        assert_eq!(decoder.colorspace(), Some(ColorSpace::RGB), "screenshots have three bytes a pixel");
        let pixels: Vec<&[u8]> = pixels.chunks_exact(3).take(width * rows).collect();
        let sum: u64 = pixels.iter().flat_map(|pixel| pixel.iter()).map(|byte| u64::from(*byte)).sum();
        let mut counts = std::collections::HashMap::new();
        for pixel in &pixels {
            *counts.entry(*pixel).or_insert(0_usize) += 1;
        }
        let commonest = counts.values().max().copied().unwrap_or_default();
        let all = pixels.len() as f64;
        Self { width, light: sum as f64 / all / 3.0, drawn: 1.0 - commonest as f64 / all }
    }
}
