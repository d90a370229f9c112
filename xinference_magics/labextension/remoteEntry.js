// What JupyterLab loads of a prebuilt extension: a container of modules, which a bundler would write.
// This one has a single module, which is given what it needs of JupyterLab's packages.
(() => {
  const folder = document.currentScript.src;
  let packages = {}; // by name, each by version

  const load = async (name) => {
    const [shared] = Object.values(packages[name] ?? {}); // JupyterLab has one version of its own packages
    return shared ? (await shared.get())() : {};
  };

  window._JUPYTERLAB = window._JUPYTERLAB ?? {};
  window._JUPYTERLAB["xinference-magics"] = {
    init: (scope) => {
      packages = scope;
    },
    get: async () => {
      const { plugin } = await import(new URL("extension.js", folder));
      const { IEditorLanguageRegistry } = await load("@jupyterlab/codemirror");
      return () => ({ __esModule: true, default: plugin(IEditorLanguageRegistry) });
    },
  };
})();
