// A check told step by step: each step is `{ title, ok, detail, rows }`; the first failure ends the check.

/** Collects steps. `step(title, check)` runs `check`, which returns `{ detail, rows }` or throws. */
export function createSteps(onStep = () => {}) {
  const steps = [];
  let failed = false;
  return {
    steps,
    get ok() {
      return !failed && steps.length > 0;
    },
    async step(title, check) {
      if (failed) return undefined;
      try {
        const { detail, rows = [], value } = await check();
        add({ title, ok: true, detail, rows });
        return value;
      } catch (error) {
        failed = true;
        add({ title, ok: false, detail: error.message, rows: error.rows ?? [] });
        return undefined;
      }
    },
  };

  function add(step) {
    steps.push(step);
    onStep(step);
  }
}

/** An error of a check, with the values that should have been equal. */
export function mismatch(message, rows) {
  return Object.assign(new Error(message), { rows });
}
