// ECharts, as far as we use it, in a chunk that is loaded with the first chart. Tooltips, legends and
// tables are ours.
import { BarChart, BoxplotChart, LineChart, PieChart, ScatterChart } from 'echarts/charts';
import { AxisPointerComponent, DataZoomInsideComponent, GridComponent, MarkLineComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { LabelLayout } from 'echarts/features';
import { CanvasRenderer } from 'echarts/renderers';

use([
  BarChart, BoxplotChart, LineChart, PieChart, ScatterChart, AxisPointerComponent, DataZoomInsideComponent, GridComponent, MarkLineComponent,
  LabelLayout, CanvasRenderer,
]);

export { init };
