// From what is to be drawn to ECharts' own description of it. Pure: no element, no clock.
import type { EChartsCoreOption } from 'echarts/core';
import type { Look, Palette } from '../../core/chart/palette';
import { lookAt, OTHERS } from '../../core/chart/palette';
import type { Series, Shaped } from '../../core/chart/shape';
import { OTHER, shares } from '../../core/chart/shape';
import type { ChartSpec } from '../../core/chart/spec';
import type { Bin, Box } from '../../core/chart/stats';
import { formatNumber, formatTime } from '../../core/format';
import type { Grain, NumberFormat } from '../../core/format';
import type { Value } from '../../core/table';
import { labelsBelow, labelsBeside } from './labels';
import type { ChartLook } from './look';
import { colourOf } from './look';

/** Up to so many lines carry their names at their ends; more need a legend. */
export const DIRECT_LABELS = 5;
/** Points of a line from which on it is drawn in fewer. */
const SAMPLE_FROM = 4000;
const dashes = { solid: 'solid', dashed: [6, 4], dotted: [2, 3] } as const;
const hatch = { symbol: 'rect', dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: -Math.PI / 4, color: 'rgba(255,255,255,0.55)' };

export interface DrawOptions {
  look: ChartLook;
  palette: Palette;
  width: number;
  height: number;
  /** Keys of series that the reader has switched off. */
  hidden: ReadonlySet<string>;
  animate: boolean;
  /** Marks that stay behind, since others were picked. */
  dim?: (key: Value, series: string) => boolean;
}

const DIMMED = 0.28;

export const keyOf = (series: Series): string => (series.key ? `${series.key}\u0000${series.measure.column}` : series.measure.column);

export function seriesLook(series: Series, spec: ChartSpec, palette: Palette): Look {
  if (series.other) return OTHERS;
  return spec.series ? palette.of(spec.series.column.toLowerCase(), series.key) : lookAt(Math.max(0, spec.y.indexOf(series.measure)));
}

export function seriesColour(series: Series, spec: ChartSpec, options: Pick<DrawOptions, 'look' | 'palette'>): string {
  return colourOf(options.look, seriesLook(series, spec, options.palette));
}

type Part = Record<string, unknown>;

function text(look: ChartLook, soft = true): Part {
  return { color: soft ? look.soft : look.ink, fontFamily: look.font, fontSize: 12 };
}

function valueAxis(spec: ChartSpec, format: NumberFormat, look: ChartLook, side: 'left' | 'right', percent: boolean): Part {
  return {
    type: spec.log && side === 'left' ? 'log' : 'value', position: side, min: side === 'left' ? spec.min : undefined, max: percent ? 1 : side === 'left' ? spec.max : undefined,
    axisLine: { show: false }, axisTick: { show: false }, splitNumber: 4, interval: percent ? 0.25 : undefined,
    splitLine: { show: side === 'left', lineStyle: { color: look.line, width: 1 } },
    // Bars begin at zero; a line may leave it out where zero says nothing.
    scale: spec.type === 'scatter',
    axisLabel: { ...text(look), hideOverlap: true, formatter: (value: number) => formatNumber(value, percent ? { style: 'percent' } : format, true) },
    name: side === 'left' ? (spec.yTitle ?? '') : '', nameTextStyle: { ...text(look), align: 'left' }, nameGap: 12,
  };
}

/** Days under a line of minutes that goes on for a week, months under days of a year. */
function tickGrain(shaped: Shaped): Grain {
  const grain = shaped.grain ?? 'day';
  const days = ((shaped.positions[shaped.positions.length - 1] ?? 0) - (shaped.positions[0] ?? 0)) / 86_400_000;
  if (days > 400 && grain !== 'quarter' && grain !== 'year') return 'month';
  const fine = grain === 'second' || grain === 'minute' || grain === 'hour';
  return fine && days > 2 ? 'day' : grain;
}

/** Bars stand side by side, and a single time makes no axis. */
function hasTimeAxis(spec: ChartSpec, shaped: Shaped): boolean {
  return shaped.axis === 'time' && !isBars(spec, shaped) && shaped.positions.length > 1;
}

function placeAxis(shaped: Shaped, spec: ChartSpec, { look, width, height }: DrawOptions, right: number): Part {
  const base = {
    axisLine: { lineStyle: { color: look.line } }, axisTick: { show: false }, splitLine: { show: false },
    name: spec.xTitle ?? '', nameLocation: 'middle', nameGap: 28, nameTextStyle: text(look),
  };
  if (shaped.axis === 'value') {
    return { ...base, type: 'value', scale: true, axisLabel: { ...text(look), formatter: (value: number) => formatNumber(value, undefined, true) } };
  }
  if (hasTimeAxis(spec, shaped)) {
    const grain = tickGrain(shaped);
    const format = (time: number): string => formatTime(time, grain, shaped.zone, true);
    return { ...base, type: 'time', axisLabel: { ...text(look), hideOverlap: true, formatter: format } };
  }
  const shorten = shaped.axis === 'time'
    ? shaped.positions.map((time) => formatTime(time, shaped.grain ?? 'day', shaped.zone, true))
    : shaped.labels;
  const across = spec.orientation === 'horizontal' && isBars(spec, shaped);
  const fit = across ? labelsBeside(shorten, width, height) : labelsBelow(shorten, width - right, shaped.axis === 'time');
  return { ...base, type: 'category', data: shorten, axisLabel: { ...text(look), overflow: 'truncate', ...fit } };
}

/** Do the lines carry their names at their ends? */
export function hasDirectLabels(spec: ChartSpec, shaped: Shaped): boolean {
  const lines = shaped.series.every((s) => s.type === 'line' || (s.type === 'area' && spec.stack !== 'stacked'));
  return lines && spec.stack !== 'percent' && spec.legend !== true && shaped.series.length > 1 && shaped.series.length <= DIRECT_LABELS;
}

export function isBars(spec: ChartSpec, shaped: Shaped): boolean {
  return spec.type === 'bar' || shaped.series.some((s) => s.type === 'bar');
}

function area(spec: ChartSpec, series: Series, opacity: number): Part | undefined {
  if (series.type !== 'area') return undefined;
  return { opacity: opacity * (spec.stack === 'stacked' || spec.stack === 'percent' ? 0.75 : 0.16) };
}

function points(shaped: Shaped, values: readonly (number | null)[], bars: boolean): unknown[] {
  if (bars || shaped.axis === 'category' || shaped.positions.length < 2) return [...values];
  return values.map((value, i) => [shaped.positions[i] ?? null, value]);
}

/** A value between two gaps has no line to be seen by: it gets a mark of its own. */
function withMarks(data: unknown[], values: readonly (number | null)[]): unknown[] {
  const alone = (i: number): boolean => values[i] !== null && (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null;
  return data.map((item, i) => (alone(i) ? { value: item, symbol: 'circle', symbolSize: 6 } : item));
}

function lineSeries(series: Series, values: (number | null)[], shaped: Shaped, spec: ChartSpec, options: DrawOptions): Part[] {
  const bars = isBars(spec, shaped);
  const colour = seriesColour(series, spec, options);
  const pattern = seriesLook(series, spec, options.palette).pattern;
  const stack = spec.stack === 'stacked' || spec.stack === 'percent' ? 'all' : undefined;
  const last = values.length - 1;
  const open = shaped.incomplete && !stack && last > 0;
  const closed = open ? values.slice(0, last) : values;
  const connected = spec.missing === 'connect' && values.length > 1;
  const opacity = spec.series && options.dim?.(null, series.key) === true ? DIMMED : 1;
  const marked = (data: unknown[], of: readonly (number | null)[]): unknown[] => (connected || of.length > SAMPLE_FROM ? data : withMarks(data, of));
  const base: Part = {
    type: 'line', yAxisIndex: series.axis === 'right' ? 1 : 0, stack, showSymbol: !connected, showAllSymbol: true, symbol: 'none',
    sampling: values.length > SAMPLE_FROM ? 'lttb' : undefined, connectNulls: spec.missing === 'connect', animation: options.animate,
    itemStyle: { color: colour }, emphasis: { disabled: true }, z: 3,
  };
  const whole: Part = {
    ...base, name: series.label, id: keyOf(series), lineStyle: { color: colour, width: series.other ? 1.5 : 2, type: dashes[pattern], opacity },
    areaStyle: area(spec, series, opacity), data: marked(points(shaped, closed, bars), closed),
  };
  if (!open) return [whole];
  // The way to a period that has not ended is dashed.
  const tail = values.map((value, i) => (i >= last - 1 ? value : null));
  return [whole, {
    ...base, name: series.label, id: `${keyOf(series)}\u0000open`, showSymbol: false, lineStyle: { color: colour, width: 2, type: [3, 4], opacity },
    data: points(shaped, tail, bars),
  }];
}

function barSeries(series: Series, values: (number | null)[], shaped: Shaped, spec: ChartSpec, options: DrawOptions): Part {
  const colour = seriesColour(series, spec, options);
  const pattern = seriesLook(series, spec, options.palette).pattern;
  const stack = spec.stack === 'stacked' || spec.stack === 'percent' ? 'all' : undefined;
  const across = spec.orientation === 'horizontal';
  return {
    type: 'bar', name: series.label, id: keyOf(series), stack, animation: options.animate, barMaxWidth: 56, barCategoryGap: '28%',
    ...(across ? {} : { yAxisIndex: series.axis === 'right' ? 1 : 0 }),
    itemStyle: { color: colour, borderColor: options.look.surface, borderWidth: stack ? 0.5 : 0, decal: pattern === 'solid' ? undefined : hatch },
    emphasis: { disabled: true },
    data: values.map((value, i) => {
      const open = shaped.incomplete && i === values.length - 1;
      const dimmed = options.dim?.(shaped.keys[i] ?? null, series.key) === true;
      return open || dimmed ? { value, itemStyle: { ...(open ? { decal: hatch } : {}), ...(dimmed ? { opacity: DIMMED } : {}) } } : value;
    }),
    label: {
      show: spec.labels === true, position: stack ? 'inside' : across ? 'right' : 'top', fontFamily: options.look.font, fontSize: 11,
      color: stack ? undefined : options.look.soft,
      formatter: ({ value }: { value: number | null }) => (value === null ? '' : formatNumber(value, spec.stack === 'percent' ? { style: 'percent' } : series.format, true)),
    },
  };
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 ? (sorted[Math.floor(middle)] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** Reference lines across, annotations at their places. */
function marks(shaped: Shaped, spec: ChartSpec, look: ChartLook): Part | undefined {
  const values = shaped.series[0]?.values.filter((v): v is number => v !== null) ?? [];
  const of = { avg: (): number => values.reduce((a, b) => a + b, 0) / values.length, median: () => median(values), max: () => Math.max(...values), min: () => Math.min(...values) };
  const across = spec.orientation === 'horizontal';
  const format = shaped.series[0]?.format;
  const lines: Part[] = (spec.reference ?? []).flatMap((reference) => {
    const at = reference.value ?? (reference.of && values.length ? of[reference.of]() : undefined);
    if (at === undefined) return [];
    const label = reference.label ?? (reference.of ? `${reference.of} ${formatNumber(at, format, true)}` : formatNumber(at, format, true));
    return [{ [across ? 'xAxis' : 'yAxis']: at, label: { formatter: label, position: 'insideStartTop' } }];
  });
  const bars = isBars(spec, shaped);
  for (const { at, label } of spec.annotations ?? []) {
    const time = Date.parse(at);
    const place = shaped.axis === 'time' && bars ? shaped.positions.findLastIndex((p) => p <= time) : shaped.axis === 'time' ? time : shaped.labels.indexOf(at);
    if (!Number.isFinite(place) || place < 0) continue;
    lines.push({ [across ? 'yAxis' : 'xAxis']: place, label: { formatter: label, position: 'end', rotate: 0 } });
  }
  if (lines.length === 0) return undefined;
  return {
    silent: true, symbol: 'none', animation: false, data: lines, lineStyle: { color: look.soft, type: [4, 4], width: 1 },
    label: { color: look.soft, fontFamily: look.font, fontSize: 11 },
  };
}

/** Line, area, bar, scatter, and mixes of them. */
export function cartesian(shaped: Shaped, spec: ChartSpec, options: DrawOptions): EChartsCoreOption {
  const { look } = options;
  const percent = spec.stack === 'percent';
  const across = spec.orientation === 'horizontal' && isBars(spec, shaped);
  const visible = shaped.series.filter((series) => !options.hidden.has(keyOf(series)));
  const parts = percent ? shares(visible) : visible.map((series) => series.values);
  const drawn = visible.flatMap((series, i): Part[] => {
    const values = parts[i] ?? [];
    if (series.type === 'bar') return [barSeries(series, values, shaped, spec, options)];
    if (series.type === 'scatter') {
      return [{ type: 'scatter', name: series.label, id: keyOf(series), symbolSize: 7, itemStyle: { color: seriesColour(series, spec, options), opacity: 0.75 }, data: points(shaped, values, false), large: values.length > 5000, emphasis: { disabled: true }, animation: options.animate }];
    }
    return lineSeries(series, values, shaped, spec, options);
  });
  const lines = marks({ ...shaped, series: visible }, spec, look);
  if (lines && drawn[0]) drawn[0] = { ...drawn[0], markLine: lines };
  const right = visible.some((series) => series.axis === 'right');
  const formatOf = (side: 'left' | 'right'): NumberFormat => visible.find((s) => s.axis === side)?.format ?? { style: 'number' };
  const values = [valueAxis(spec, formatOf('left'), look, 'left', percent)];
  if (right) values.push(valueAxis(spec, formatOf('right'), look, 'right', false));
  const longest = Math.max(0, ...visible.map((s) => s.label.length));
  const direct = hasDirectLabels(spec, shaped);
  const aside = direct ? Math.min(160, 16 + longest * 6.5) : right ? 4 : 14;
  const places = placeAxis(shaped, spec, options, right ? 50 : aside);
  return {
    textStyle: { fontFamily: look.font },
    grid: { left: 4, right: aside, top: spec.yTitle ? 30 : 14, bottom: spec.xTitle ? 26 : 4, containLabel: true },
    xAxis: across ? { ...values[0], position: 'bottom' } : places,
    yAxis: across ? { ...places, inverse: true, type: 'category' } : values,
    series: drawn,
    dataZoom: across || shaped.axis === 'category' ? [] : [{ type: 'inside', zoomOnMouseWheel: 'ctrl', moveOnMouseMove: false, moveOnMouseWheel: false }],
  };
}

export function pie(shaped: Shaped, spec: ChartSpec, options: DrawOptions): EChartsCoreOption {
  const { look, palette } = options;
  const series = shaped.series[0];
  const total = series?.values.reduce<number>((sum, v) => sum + Math.max(0, v ?? 0), 0) ?? 0;
  return {
    series: [{
      type: 'pie', radius: spec.donut ? ['52%', '78%'] : [0, '78%'], animation: options.animate, emphasis: { disabled: true }, startAngle: 90,
      itemStyle: { borderColor: look.surface, borderWidth: 1.5 }, minShowLabelAngle: 4,
      label: { color: look.ink, fontFamily: look.font, fontSize: 12, formatter: ({ name, value }: { name: string; value: number }) => `${name}  ${formatNumber(total ? value / total : 0, { style: 'percent' }, true)}` },
      labelLine: { lineStyle: { color: look.line }, length: 8, length2: 8 },
      data: shaped.labels.map((name, i) => ({ name, value: Math.max(0, series?.values[i] ?? 0), itemStyle: { opacity: options.dim?.(shaped.keys[i] ?? null, '') === true ? DIMMED : 1, color: colourOf(look, shaped.keys[i] === null && name === OTHER ? OTHERS : palette.of(spec.x?.column.toLowerCase() ?? '', name)) } })),
    }],
  };
}

export function histogramOption(bins: readonly Bin[], spec: ChartSpec, options: DrawOptions): EChartsCoreOption {
  const { look } = options;
  const format = spec.y[0]?.format;
  return {
    grid: { left: 4, right: 14, top: 14, bottom: 4, containLabel: true },
    xAxis: { type: 'category', data: bins.map((b) => formatNumber(b.from, format, true)), axisLabel: { ...text(look), hideOverlap: true, align: 'left' }, axisTick: { show: false }, axisLine: { lineStyle: { color: look.line } } },
    yAxis: valueAxis(spec, { style: 'number' }, look, 'left', false),
    series: [{ type: 'bar', barCategoryGap: '2%', itemStyle: { color: look.series[1] }, data: bins.map((b) => b.count), animation: options.animate, emphasis: { disabled: true } }],
  };
}

export function boxOption(boxes: readonly Box[], spec: ChartSpec, options: DrawOptions): EChartsCoreOption {
  const { look } = options;
  return {
    grid: { left: 4, right: 14, top: 14, bottom: 4, containLabel: true },
    xAxis: { type: 'category', data: boxes.map((b) => b.label), axisLabel: { ...text(look), overflow: 'truncate', ...labelsBelow(boxes.map((b) => b.label), options.width, false) }, axisTick: { show: false }, axisLine: { lineStyle: { color: look.line } } },
    yAxis: { ...valueAxis(spec, spec.y[0]?.format ?? { style: 'number' }, look, 'left', false), scale: true },
    series: [
      { type: 'boxplot', data: boxes.map((b) => [b.low, b.q1, b.median, b.q3, b.high]), itemStyle: { color: look.surface, borderColor: look.series[1], borderWidth: 1.5 }, boxWidth: [8, 48], animation: options.animate, emphasis: { disabled: true } },
      { type: 'scatter', symbolSize: 4, itemStyle: { color: look.series[1], opacity: 0.6 }, data: boxes.flatMap((b, i) => b.outliers.slice(0, 500).map((value) => [i, value])), animation: false, emphasis: { disabled: true } },
    ],
  };
}
