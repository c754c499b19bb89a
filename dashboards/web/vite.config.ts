import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

const out = '../../fleetmon/web/static';
const compressible = /\.(html|js|css|svg|json)$/;
const worthIt = 1024;

/** Writes .br and .gz beside every text file, so that the service never compresses at run time. */
function precompress(): Plugin {
  let folder = out;
  return {
    name: 'precompress',
    apply: 'build',
    configResolved(config) {
      folder = config.build.outDir;
    },
    writeBundle() {
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !compressible.test(entry.name)) continue;
        const path = join(entry.parentPath, entry.name);
        const bytes = readFileSync(path);
        if (bytes.length < worthIt) continue;
        const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
        writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params }));
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  plugins: [svelte(), precompress()],
  worker: { format: 'es' },
  server: { proxy: { '/api': 'http://127.0.0.1:8480' } },
  build: {
    outDir: out,
    emptyOutDir: true,
    // The first versions that know light-dark(), which the theme is made of.
    target: ['chrome123', 'firefox121', 'safari17.5'],
    // Nothing is inlined as data: or blob:, since the Content-Security-Policy allows this origin alone.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
