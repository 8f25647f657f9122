// Runs in a copy of a page: measures how it is laid out and tells the page around it, first how many figures there are and then,
// a line each, what is wrong. `data-sheet` is the height of a sheet where the copy looks as it is printed.
{
    const width = document.documentElement.clientWidth;
    const sheet = Number(document.currentScript.dataset.sheet ?? Infinity);
    const told = [];
    const name = (node) => node.closest("figure[id], article[id]")?.id ?? "the page";
    const wrong = (node, what) => told.push(`${width}: ${name(node)}: ${what}`);
    const box = (node) => node.getBoundingClientRect();
    const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
    const shared = (a, b) => [
        Math.min(a.right, b.right) - Math.max(a.left, b.left),
        Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top),
    ];

    if (document.documentElement.scrollWidth > width) {
        wrong(document.body, `is ${document.documentElement.scrollWidth} wide`);
    }
    const figures = all("figure, article");
    for (const figure of figures) {
        const { left, right, height } = box(figure);
        if (right - left < 200 || height < 60) wrong(figure, `has no size: ${right - left} by ${height}`);
        if (left < 0 || right > width + 0.5) wrong(figure, `lies from ${left} to ${right}`);
    }
    for (const [index, figure] of figures.entries()) {
        for (const other of figures.slice(index + 1)) {
            const [across, down] = shared(box(figure), box(other));
            if (across > 0.5 && down > 0.5 && !figure.contains(other)) wrong(figure, `lies on ${name(other)}`);
        }
    }
    for (const figure of all("figure")) {
        const shown = all(":scope > .chart > svg, :scope > .numbers, :scope > .scroll > table", figure).map(box);
        const chart = figure.querySelector(":scope > .chart");
        if (chart && box(chart).bottom - box(figure).top > sheet) wrong(figure, "is higher than a sheet");
        if (!shown.some(({ width, height }) => width > 150 && height > 30)) wrong(figure, "shows nothing");
    }
    // The texts of a drawing lie inside it and not on one another; a point of the drawing is `scale` pixels.
    for (const svg of all("svg[viewBox]")) {
        const frame = box(svg);
        const scale = frame.width / svg.viewBox.baseVal.width;
        const texts = all("text", svg).map((text) => [text.textContent, box(text)]);
        for (const [index, [text, place]] of texts.entries()) {
            const [across, down] = shared(frame, place);
            if (across < place.width - scale || down < place.height - scale) wrong(svg, `“${text}” is cut off`);
            for (const [other, there] of texts.slice(index + 1)) {
                const [across, down] = shared(place, there);
                if (across > scale && down > 4 * scale) wrong(svg, `“${text}” lies on “${other}”`);
            }
        }
    }
    parent.postMessage([`${width}: ${figures.length} figures`, ...told].join("\n"), "*");
}
