// Comes before the module of each widget, which is told when its kernel is gone.

/** What each status of a kernel in Jupyter says, if no more messages come from it. */
const GONE = {
  restarting: "kernel restarted",
  autorestarting: "kernel restarted", // by the server, after it died
  dead: "kernel ended",
};

/** Calls `act` once, with what happened, when the kernel is gone; returns how to listen no more. */
function onKernelGone(model, act) {
  const kernel = model.widget_manager?.kernel; // in Jupyter; elsewhere only the comm is known
  const listenNoMore = () => {
    model.off("comm_live_update", restarted);
    kernel?.statusChanged?.disconnect(changed);
  };
  const tell = (what) => {
    listenNoMore();
    act(what);
  };
  const restarted = () => tell(GONE.restarting);
  const changed = (_, status) => GONE[status] && tell(GONE[status]);
  model.on("comm_live_update", restarted);
  kernel?.statusChanged?.connect(changed);
  return listenNoMore;
}

