/** What stands around every page: where one can go, whether data is live, language and theme. */
import { useQueryClient } from "@tanstack/react-query";
import {
  Activity,
  Boxes,
  ChartLine,
  Cpu,
  FlaskConical,
  LayoutDashboard,
  LogOut,
  Menu,
  Moon,
  Network,
  Rocket,
  Settings as SettingsIcon,
  Sun,
  X,
} from "lucide-react";
import { Suspense, useEffect, useState } from "react";
import { Link, NavLink, Outlet, useLocation } from "react-router";
import { signOut, useMe } from "@/api/session";
import { chooseTheme, useTheme } from "@/app/theme";
import { chooseLanguage, LANGUAGES, type Language } from "@/i18n/setup";
import { useTranslation } from "@/i18n/useTranslation";
import { type Link as LiveLink, useLive } from "@/live/useLive";
import { Bell } from "@/pages/notifications/Bell";
import { Button, Tip } from "@/parts/Button";
import { Bones } from "@/parts/layout";
import { paths } from "@/paths";

const PLACES = [
  { key: "overview", to: paths.overview(), Icon: LayoutDashboard },
  { key: "launch", to: paths.launch(), Icon: Rocket },
  { key: "jobs", to: paths.jobs(), Icon: Boxes },
  { key: "services", to: paths.services(), Icon: Network },
  { key: "instances", to: paths.instances(), Icon: Cpu },
  { key: "events", to: paths.events(), Icon: Activity },
  { key: "market", to: paths.market(), Icon: ChartLine },
  { key: "simulate", to: paths.simulate(), Icon: FlaskConical },
  { key: "settings", to: paths.settings(), Icon: SettingsIcon },
] as const;

export function Shell() {
  const { t } = useTranslation();
  const link = useLive();
  const me = useMe();
  const [open, setOpen] = useState(false);
  const { pathname } = useLocation();
  // biome-ignore lint/correctness/useExhaustiveDependencies: another page closes the menu
  useEffect(() => setOpen(false), [pathname]);
  return (
    <div className="shell">
      <a className="skip" href="#main">
        {t("shell.skip")}
      </a>
      <header className="bar">
        <button
          type="button"
          className="btn btn-ghost btn-icon"
          aria-expanded={open}
          aria-controls="side"
          aria-label={t("shell.menu")}
          onClick={() => setOpen(!open)}
        >
          {open ? <X size={18} aria-hidden /> : <Menu size={18} aria-hidden />}
        </button>
        <Brand />
        <LiveMark link={link} />
        <Bell />
      </header>
      <nav className="side" id="side" data-open={open} aria-label={t("shell.places")}>
        <div className="side-head">
          <Brand />
          <Bell />
        </div>
        <ul>
          {PLACES.map(({ key, to, Icon }) => (
            <li key={key}>
              <NavLink to={to} end={to === "/"} className="place">
                <Icon size={16} aria-hidden />
                {t(`nav.${key}`)}
              </NavLink>
            </li>
          ))}
        </ul>
        <div className="side-foot">
          <LiveMark link={link} />
          <Choices />
          {me ? (
            <div className="me quiet small">
              {t("shell.me", { name: me.name, role: t(`role.${me.role as "admin"}`) })}
            </div>
          ) : null}
        </div>
      </nav>
      <main id="main" tabIndex={-1}>
        {link === "broken" ? (
          <div className="broken" role="status">
            {t("shell.broken")}
          </div>
        ) : null}
        <Suspense
          fallback={
            <div className="page">
              <Bones lines={6} />
            </div>
          }
        >
          <Outlet />
        </Suspense>
      </main>
    </div>
  );
}

function Brand() {
  return (
    <Link to={paths.overview()} className="brand">
      <img src="/mark.svg" width={22} height={22} alt="" />
      <span>Keep Your Cost</span>
    </Link>
  );
}

function LiveMark({ link }: { readonly link: LiveLink }) {
  const { t } = useTranslation();
  return (
    <span className="live" data-link={link}>
      <span className="dot" aria-hidden />
      {t(`shell.${link}`)}
    </span>
  );
}

function Choices() {
  const { t, language } = useTranslation();
  const theme = useTheme();
  const client = useQueryClient();
  const other = theme === "dark" ? "light" : "dark";
  return (
    <div className="choices">
      <select
        className="select select-small"
        aria-label={t("shell.language")}
        value={language}
        onChange={(event) => void chooseLanguage(event.target.value as Language)}
      >
        {Object.entries(LANGUAGES).map(([code, name]) => (
          <option key={code} value={code}>
            {name}
          </option>
        ))}
      </select>
      <Tip text={t(`shell.theme.${other}`)}>
        <Button
          kind="ghost"
          size="small"
          aria-label={t(`shell.theme.${other}`)}
          icon={theme === "dark" ? <Sun size={15} aria-hidden /> : <Moon size={15} aria-hidden />}
          onClick={() => chooseTheme(other)}
        />
      </Tip>
      <Tip text={t("shell.signOut")}>
        <Button
          kind="ghost"
          size="small"
          aria-label={t("shell.signOut")}
          icon={<LogOut size={15} aria-hidden />}
          onClick={() => void signOut(client)}
        />
      </Tip>
    </div>
  );
}
