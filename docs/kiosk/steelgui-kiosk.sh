#!/bin/sh
# The kiosk on one machine: the app, and Chromium full screen in front of it. Whichever ends is started again.
# STEELGUI and CHROMIUM name the programs, PORT the port. Set the PIN once: steelgui serve --kiosk --kiosk-pin PIN
set -eu
: "${STEELGUI:=steelgui}" "${CHROMIUM:=chromium}" "${PORT:=7860}"
profile="${XDG_CACHE_HOME:-$HOME/.cache}/steelgui-kiosk"

trap 'kill 0' EXIT
trap 'exit 0' INT TERM

again() {
  while :; do
    "$@" || true
    sleep 2
  done
}

again "$STEELGUI" serve --kiosk --no-inbrowser --port "$PORT" &
again "$CHROMIUM" --kiosk --app="http://127.0.0.1:$PORT/kiosk/" --user-data-dir="$profile" \
  --noerrdialogs --disable-infobars --no-first-run --disable-session-crashed-bubble --disable-pinch \
  --overscroll-history-navigation=0 --use-fake-ui-for-media-stream --autoplay-policy=no-user-gesture-required &
wait
