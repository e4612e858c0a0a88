// The application as the device has it: src → build/application. Commands and threads stay files of their own, protocols are loaded when they are needed.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Plugin } from 'vite'
import { defineConfig } from 'vite'

const root = join(import.meta.dirname, '..')
const workers = join(root, 'src/workers')

/** Native parts, what starts threads by its own path, and what is required by name while it runs: packages on the device. */
export const PACKAGES = ['better-sqlite3', '@serialport/bindings-cpp', 'pino', 'jsonata']
/** What of them stands in a thread's own files: each thread of the log would look for fifteen, and in the maps of its process, to find what it is. */
const BUNDLED = 'better-sqlite3'
const EXTERNAL = PACKAGES.filter((it) => it !== BUNDLED)
/** Not on the device: the OPC UA server of the simulated plant, a lock that one library can do without. */
const ABSENT = ['node-opcua', 'proper-lockfile']

/** Threads are started by the address of their source: here they stand beside everything else, without types. */
function threadsByName(): Plugin {
  return {
    name: 'threads-by-name',
    transform: {
      filter: { id: /\/src\/workers\/.*\.ts$/ },
      handler: (code) => code.replaceAll(/\.ts(['"`]), import\.meta\.url/g, '.js$1, import.meta.url'),
    },
  }
}

/**
 * OPC UA's certificates need a part of the language that is put in when a module is loaded. Whoever wants it loads that before; where it lies in a file
 * of its own here, it came after.
 */
function polyfillFirst(): Plugin {
  return {
    name: 'polyfill-first',
    transform: {
      filter: { id: /\/tsyringe\/dist\/[^/]+\/index\.js$/ },
      handler: (code) => `import 'reflect-metadata'\n${code}`,
    },
  }
}

/**
 * An `import` of one of Node's own modules reads every export of it, and some of these load dozens of others only when they are read. Asked for by name,
 * it is what it is to `require`: up to a tenth of a start.
 */
function builtinsByName(): Plugin {
  const IMPORT = /^import (?:([\w$]+)(?:, )?)?(?:\* as ([\w$]+)|(\{.*\}))? from "(node:[\w/]+)";$/
  const asked = (line: string): string => {
    const [, whole, all, some, name] = IMPORT.exec(line) ?? []
    if (name === undefined) return line
    const parts = [whole, all, some?.replaceAll(' as ', ': ')].filter((it) => it !== undefined)
    return parts.map((it) => `const ${it} = process.getBuiltinModule("${name}");`).join(' ')
  }
  return {
    name: 'builtins-by-name',
    renderChunk(code) {
      const lines = code.split('\n')
      const end = lines.findIndex((it) => !it.startsWith('import '))
      return { code: [...lines.slice(0, end).map(asked), ...lines.slice(end)].join('\n'), map: null }
    },
  }
}

/** The native part is the one that the package was copied with. */
function nativePart(): Plugin {
  return {
    name: 'native-part',
    transform: {
      filter: { id: /\/better-sqlite3\/lib\/binding\.js$/ },
      handler: () => `
        const path = require('path')
        exports.getBinding = () => {
          const { dir } = path.parse(require.resolve('${BUNDLED}/package.json'))
          return require(path.join(dir, 'prebuilds', 'linux-' + process.arch + '.node'))
        }`,
    },
  }
}

/** The root of a thread, or of a process that is started by its address, is known by its port to who started it. */
const threads = readdirSync(workers).filter((it) =>
  /\b(parentPort|process\.send)\b/.test(readFileSync(join(workers, it), 'utf8')),
)

/**
 * To find, read and link a file takes longer than to compile it: what all threads of a start need stands in one, and what only main threads need in
 * another.
 */
const TOGETHER = [
  {
    name: 'core',
    test: /\/src\/(core\/|workers\/(port|clock|small-batches)\.ts|machine\/clock-(cell|boot)\.ts|log\/(space|follow-position)\.ts)/,
  },
  {
    name: 'main',
    test: /\/src\/(local-api\/(client|wire)|machine\/(whole-file|interfaces|memory|line-logger|logger)|settings\/(names|nearest|identity|secrets)|clients\/reach|pipeline\/keep-running|models\/socket|commands\/(services|dispatch|text|output)|workers\/(stream-calls|thread-logger|scoring-host))\.ts/,
  },
  { name: 'columns', test: /\/src\/columns\// },
]

export default defineConfig({
  root,
  plugins: [threadsByName(), polyfillFirst(), nativePart(), builtinsByName()],
  publicDir: false,
  ssr: { target: 'node', noExternal: true, external: [...EXTERNAL, ...ABSENT] },
  build: {
    ssr: true,
    outDir: join(root, 'build/application'),
    emptyOutDir: true,
    target: 'node24',
    minify: false,
    reportCompressedSize: false,
    rolldownOptions: {
      external: [...EXTERNAL, ...ABSENT],
      input: [join(root, 'src/cli.ts'), join(root, 'src/zones.ts'), ...threads.map((it) => join(workers, it))],
      output: {
        entryFileNames: '[name].js',
        chunkFileNames: 'part-[name].js',
        codeSplitting: { groups: TOGETHER },
      },
    },
  },
})
