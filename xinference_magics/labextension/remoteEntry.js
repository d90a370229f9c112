// What JupyterLab loads of a prebuilt extension: a container of modules, which a bundler would write.
// This one has a single module, and needs none of JupyterLab's packages: what it uses, it is given.
(() => {
  const folder = document.currentScript.src;

  window._JUPYTERLAB = window._JUPYTERLAB ?? {};
  window._JUPYTERLAB["xinference-magics"] = {
    init: () => {},
    get: async () => {
      const extension = await import(new URL("extension.js", folder));
      return () => ({ __esModule: true, default: extension.default });
    },
  };
})();
