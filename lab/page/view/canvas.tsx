/**
 * A canvas that has the size of its box, in the screen's own pixels, and is painted by the page's loop.
 */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { FrameLoop } from "../app/frame-loop.ts";
import { zoomOf } from "../app/present.ts";
import { useLatest } from "./hooks.ts";

export interface Surface {
  readonly ctx: CanvasRenderingContext2D;
  readonly width: number;
  readonly height: number;
  /** Screen pixels a pixel. */
  readonly scale: number;
  readonly frameMs: number;
}

interface Properties {
  readonly loop: FrameLoop;
  /** Returns whether it goes on moving by itself. */
  readonly paint: (surface: Surface) => boolean;
  /** What a screen reader says of it. */
  readonly label: string;
  readonly class?: string;
  /** Painted at most so often. */
  readonly everyMs?: number;
  readonly onClick?: (x: number, y: number) => void;
  readonly onPointerMove?: (x: number, y: number, event: PointerEvent) => void;
  readonly onPointerDown?: (x: number, y: number, event: PointerEvent) => void;
  readonly onWheel?: (event: WheelEvent) => void;
  readonly children?: ComponentChildren;
}

export function Canvas(properties: Properties) {
  const { loop, label, children } = properties;
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useLatest(properties);
  useEffect(() => {
    const element = canvas.current as HTMLCanvasElement;
    const ctx = element.getContext("2d") as CanvasRenderingContext2D;
    const size = { width: 0, height: 0 };
    let remove = (): void => {};
    let paintedMs = Number.NEGATIVE_INFINITY;
    const painter = (frameMs: number): boolean => {
      const { width, height } = size;
      if (width < 2 || height < 2) return false;
      // Asks for another frame, so that the last state is painted too.
      if (frameMs - paintedMs < (latest.current.everyMs ?? 0)) return true;
      paintedMs = frameMs;
      const scale = Math.min((window.devicePixelRatio || 1) * zoomOf(element), 3);
      const [pixels, rows] = [Math.round(width * scale), Math.round(height * scale)];
      if (element.width !== pixels || element.height !== rows) [element.width, element.height] = [pixels, rows];
      ctx.setTransform(scale, 0, 0, scale, 0, 0);
      return latest.current.paint({ ctx, width, height, scale, frameMs });
    };
    const observer = new ResizeObserver(([box]) => {
      if (box === undefined) return;
      size.width = box.contentRect.width;
      size.height = box.contentRect.height;
      remove();
      remove = loop.add(painter);
    });
    observer.observe(element.parentElement as HTMLElement);
    return () => {
      observer.disconnect();
      remove();
    };
  }, [loop, latest]);
  const spot = (event: MouseEvent): [number, number] => {
    const element = canvas.current as HTMLCanvasElement;
    const box = element.getBoundingClientRect();
    const zoom = zoomOf(element);
    return [(event.clientX - box.left) / zoom, (event.clientY - box.top) / zoom];
  };
  return (
    <div class={`canvas ${properties.class ?? ""}`}>
      <canvas
        ref={canvas}
        role="img"
        aria-label={label}
        onClick={(event) => properties.onClick?.(...spot(event))}
        onPointerMove={(event) => properties.onPointerMove?.(...spot(event), event)}
        onPointerDown={(event) => properties.onPointerDown?.(...spot(event), event)}
        onWheel={(event) => properties.onWheel?.(event)}
      />
      {children}
    </div>
  );
}
