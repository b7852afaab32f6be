// How the page's scripts are linted, put together as the page has them: see test_scripts.py.
const browser = [
  "atob Blob HTMLDetailsElement HTMLElement Element Event KeyboardEvent Path2D ResizeObserver URL URLSearchParams addEventListener",
  "cancelAnimationFrame clearTimeout console document getComputedStyle history innerHeight innerWidth location matchMedia",
  "performance requestAnimationFrame setTimeout window DecompressionStream Response",
];

export default [
  {
    languageOptions: {
      ecmaVersion: 2023,
      sourceType: "script",
      globals: Object.fromEntries(browser.flatMap((names) => names.split(" ")).map((name) => [name, "readonly"])),
    },
    linterOptions: { reportUnusedDisableDirectives: true },
    rules: {
      "no-undef": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "no-redeclare": "error",
      "no-shadow": ["error", { hoist: "functions" }],
      "no-var": "error",
      "prefer-const": "error",
      eqeqeq: "error",
      "no-fallthrough": "error",
      "no-unreachable": "error",
      "no-dupe-keys": "error",
      "no-self-compare": "error",
      "no-sparse-arrays": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-throw-literal": "error",
      "no-unmodified-loop-condition": "error",
      "no-useless-concat": "error",
      "array-callback-return": "error",
      "default-case-last": "error",
      "consistent-return": "error",
    },
  },
];
