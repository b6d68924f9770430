// A map that looks right with no tile server: coarse blocks, station names, a scale, markers.
// With `tiles` it draws those instead of the blocks. Shared by the tracking page and the live map.

const L = window.L;
const EARTH_M = 6_371_008.8;
const M_PER_DEGREE = (Math.PI / 180) * EARTH_M;
const SEOUL = [37.5512, 126.9882];
// The block edge in metres and the street's width in pixels, by zoom: the first that fits.
const BLOCKS = [
  { zoom: 15, edge: 150, street: 5 },
  { zoom: 13, edge: 600, street: 4 },
  { zoom: 11, edge: 2400, street: 4 },
  { zoom: 0, edge: 9600, street: 3 },
];
const STATIONS_FROM_ZOOM = 13;

function colour(element, name) {
  return getComputedStyle(element).getPropertyValue(name).trim();
}

// The same block has the same shade wherever the map is dragged.
function isAlternate(row, column) {
  const mixed = Math.imul(row, 0x9e3779b1) ^ Math.imul(column, 0x85ebca6b);
  return ((mixed ^ (mixed >>> 13)) & 7) < 2;
}

const Blocks = L.GridLayer.extend({
  createTile(coords) {
    const tile = document.createElement("canvas");
    const size = this.getTileSize();
    const ratio = window.devicePixelRatio || 1;
    tile.width = size.x * ratio;
    tile.height = size.y * ratio;
    const pen = tile.getContext("2d");
    pen.scale(ratio, ratio);
    this.paint(pen, size, coords);
    return tile;
  },

  paint(pen, size, coords) {
    const { edge, street } = BLOCKS.find(({ zoom }) => coords.z >= zoom);
    const origin = coords.scaleBy(size);
    const box = this._tileCoordsToBounds(coords);
    const latStep = edge / M_PER_DEGREE;
    const home = this._map.getContainer();
    pen.fillStyle = colour(home, "--map-street");
    pen.fillRect(0, 0, size.x, size.y);
    const shades = [colour(home, "--map-block"), colour(home, "--map-block-alt")];
    const y = (lat) => this._map.project([lat, 0], coords.z).y - origin.y;
    const x = (lng) => this._map.project([0, lng], coords.z).x - origin.x;
    const lastRow = Math.floor(box.getNorth() / latStep);
    for (let row = Math.floor(box.getSouth() / latStep); row <= lastRow; row += 1) {
      // One longitude step for many rows, so that the streets run on from row to row.
      const band = (Math.floor(row / 400) + 0.5) * 400 * latStep;
      const lngStep = latStep / Math.cos((band * Math.PI) / 180);
      const lastColumn = Math.floor(box.getEast() / lngStep);
      const top = y((row + 1) * latStep);
      const bottom = y(row * latStep);
      for (let column = Math.floor(box.getWest() / lngStep); column <= lastColumn; column += 1) {
        const left = x(column * lngStep);
        const right = x((column + 1) * lngStep);
        // Every fourth street is a wide one.
        const wideX = column % 4 === 0 ? street : 0;
        const wideY = row % 4 === 0 ? street : 0;
        pen.fillStyle = shades[isAlternate(row, column) ? 1 : 0];
        pen.beginPath();
        pen.roundRect(
          left + street / 2 + wideX,
          top + street / 2,
          right - left - street - wideX,
          bottom - top - street - wideY,
          3,
        );
        pen.fill();
      }
    }
  },
});

function watchColours(redraw) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["class"] });
}

function addStations(map, address) {
  const layer = L.layerGroup().addTo(map);
  let stations = null;

  async function show() {
    layer.clearLayers();
    if (map.getZoom() < STATIONS_FROM_ZOOM) return;
    stations ??= await fetch(address).then((answer) => (answer.ok ? answer.json() : []));
    layer.clearLayers();
    const view = map.getBounds().pad(0.1);
    for (const { name, lat, lng } of stations) {
      if (!view.contains([lat, lng])) continue;
      const label = document.createElement("span");
      label.textContent = name;
      const icon = L.divIcon({ className: "station", html: label });
      L.marker([lat, lng], { icon, interactive: false, keyboard: false, zIndexOffset: -1000 })
        .addTo(layer);
    }
  }
  map.on("moveend", show);
  show();
}

/** Draw a map into `element`; `config` is `{tiles, attribution, stations, zoomIn, zoomOut, close}`. */
export function createMap(element, config) {
  const map = L.map(element, {
    center: SEOUL,
    zoom: 12,
    minZoom: 7,
    maxZoom: 18,
    zoomControl: false,
    attributionControl: Boolean(config.tiles && config.attribution),
  });
  L.control.zoom({ zoomInTitle: config.zoomIn, zoomOutTitle: config.zoomOut }).addTo(map);
  L.control.scale({ imperial: false }).addTo(map);
  if (config.tiles) {
    L.tileLayer(config.tiles, { attribution: config.attribution, maxZoom: 18 }).addTo(map);
  } else {
    const blocks = new Blocks({ updateWhenZooming: false }).addTo(map);
    watchColours(() => blocks.redraw());
    addStations(map, config.stations);
  }
  map.on("popupopen", ({ popup }) => {
    const button = popup.getElement().querySelector(".leaflet-popup-close-button");
    button?.setAttribute("aria-label", config.close);
  });
  map.on("zoomstart", () => element.classList.add("is-zooming"));
  map.on("zoomend", () => requestAnimationFrame(() => element.classList.remove("is-zooming")));
  new ResizeObserver(() => map.invalidateSize()).observe(element);
  return map;
}

const WALKER =
  '<svg viewBox="0 0 64 64" fill="none" stroke="currentColor" stroke-width="7" ' +
  'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">' +
  '<circle cx="36" cy="12" r="3.6" fill="currentColor" stroke-width="5"/>' +
  '<path d="M34 25 30 39 40 46 42 57M30 39 25 49 16 56M34 25 24 30 20 39M34 25 41 33 49 35"/></svg>';
const BAG =
  '<svg viewBox="0 0 32 32" aria-hidden="true"><circle cx="16" cy="16" r="13" ' +
  'fill="currentColor" stroke="#fff" stroke-width="2.5"/><path d="M10 14h12l-1.4 8.5h-9.2zM13 ' +
  '14c0-5 6-5 6 0" fill="none" stroke="#fff" stroke-width="2" stroke-linejoin="round"/></svg>';
const HOME =
  '<svg viewBox="0 0 32 40" aria-hidden="true"><path d="M16 38C7 27 3 21 3 15a13 13 0 0 1 26 0c0 ' +
  '6-4 12-13 23z" fill="currentColor" stroke="#fff" stroke-width="2.5"/><path d="m10 16 6-6 6 ' +
  '6M12 15v6.5h8V15" fill="none" stroke="#fff" stroke-width="2" stroke-linejoin="round"/></svg>';

export function runnerIcon({ busy = true, size = 34 } = {}) {
  return L.divIcon({
    className: `runner-marker ${busy ? "busy" : "idle"}`,
    html: WALKER,
    iconSize: [size, size],
  });
}

export function pickupIcon(tone) {
  return L.divIcon({ className: `place-marker tone-${tone}`, html: BAG, iconSize: [26, 26] });
}

export function dropoffIcon(tone) {
  return L.divIcon({
    className: `place-marker tone-${tone}`,
    html: HOME,
    iconSize: [26, 32],
    iconAnchor: [13, 31],
  });
}

/** The line someone walked: yellow paving with an edge. `add(point)` makes it longer. */
export function walkedLine(map, points) {
  const edge = L.polyline(points, { className: "walked-edge", weight: 9, interactive: false });
  const core = L.polyline(points, { className: "walked-core", weight: 5, interactive: false });
  edge.addTo(map);
  core.addTo(map);
  return {
    set(all) {
      edge.setLatLngs(all);
      core.setLatLngs(all);
    },
    add(point) {
      edge.addLatLng(point);
      core.addLatLng(point);
    },
    bounds: () => core.getBounds(),
  };
}

export { L };
