import path from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

const root = import.meta.dirname ?? path.resolve('web');

// tools/web.mjs runs this. `npx vite --config web/vite.config.ts` serves web/ by itself while you
// work on it, with the API of a running `weir serve` (WEIR_SERVE, default http://127.0.0.1:8081).
export default defineConfig({
  root,
  base: '/',
  cacheDir: path.resolve(root, '../build/vite'),
  publicDir: false,
  plugins: [
    svelte(),
    {
      // ECharts empties its element through innerHTML, which the content policy stops.
      name: 'weir-echarts-trust',
      transform: (code, id) => (/[/]zrender[/]lib[/]canvas[/]/.test(id) ? code.replaceAll(/([\w.]*\broot)\.innerHTML = ''/g, '$1.replaceChildren()') : undefined),
    },
    {
      // Nothing is painted before the first script has set the theme: no flash of the other one.
      name: 'weir-blocking-entry',
      transformIndexHtml: { order: 'post', handler: (html) => html.replace('<script type="module"', '<script type="module" blocking="render"') },
    },
  ],
  build: {
    outDir: path.resolve(root, '../build/web'),
    emptyOutDir: false,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 2000,
    // The page for frames on other sites is one of its own: without the app around it.
    rollupOptions: { input: { index: path.resolve(root, 'index.html'), embed: path.resolve(root, 'embed.html') } },
  },
  server: { proxy: { '/api': { target: process.env['WEIR_SERVE'] ?? 'http://127.0.0.1:8081' } } },
});
