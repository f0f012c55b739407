// On the rest of the app, while the kiosk runs: a way back, taken by itself when nobody has touched anything for long.
const AWAY = 15 * 60 * 1000;
const link = document.createElement("a");
const own = document.querySelector("script[data-kiosk]");
link.href = "/kiosk/";
link.textContent = own.dataset[navigator.language.startsWith("ko") ? "ko" : "en"];
link.className = "sg-kiosk-back";
Object.assign(link.style, {
  position: "fixed", right: "16px", bottom: "16px", zIndex: 50, padding: "12px 20px", borderRadius: "999px",
  background: "#b84a00", color: "#fff", font: "600 15px system-ui", textDecoration: "none",
});
document.body.append(link);
let timer = 0;
const later = () => { clearTimeout(timer); timer = setTimeout(() => location.assign("/kiosk/"), AWAY); };
for (const kind of ["pointerdown", "keydown", "wheel"]) addEventListener(kind, later, { capture: true, passive: true });
later();
