// One group of the outcome as radio buttons with their keys, in two dense columns; folded
// to its answer once that is given, so that what follows finds room.

import { Button } from "antd";
import { useTranslation } from "react-i18next";

export interface Option {
  code: string;
  text: string;
  /** What is pressed for it: a digit, or `-` and a digit. */
  keys: string;
  disabled: boolean;
}

interface OptionsProps {
  name: "contact" | "business";
  legend: string;
  /** Whether digits choose here now. */
  active: boolean;
  /** What was pressed of the keys that choose; the digit is to come. */
  begun: string;
  disabled: boolean;
  chosen: string;
  items: Option[];
  /** `byArrow`: an arrow key passed over it. */
  onChoose: (code: string, byArrow: boolean) => void;
  /** Only the answer is shown. */
  folded?: boolean;
  onUnfold?: () => void;
}

export function Options(props: OptionsProps) {
  const { t } = useTranslation();
  const { name, chosen, disabled } = props;
  const answer = props.folded && props.items.find((item) => item.code === chosen);
  if (answer) {
    return (
      <div className="folded" data-testid={`${name}-${answer.code}`}>
        <span className="muted">{props.legend}</span>
        <b className="grow clip" title={`${answer.code} ${answer.text}`}>
          {answer.text}
        </b>
        <Button size="small" type="text" disabled={disabled} onClick={props.onUnfold}>
          {t("outcome.change")} <kbd>0</kbd>
        </Button>
      </div>
    );
  }
  return (
    <fieldset className={`options ${props.active ? "active" : ""}`} disabled={disabled}>
      <legend>
        {props.legend}
        <span role="status">
          {props.begun && (
            <b className="begun">
              <kbd>{props.begun}</kbd> {t("outcome.digit_follows")}
            </b>
          )}
        </span>
      </legend>
      {props.items.map((item) => {
        const on = item.code === chosen;
        const off = item.disabled || disabled;
        return (
          <label
            key={item.code}
            className={`${on ? "on" : ""} ${off ? "off" : ""}`}
            title={`${item.code} ${item.text}`}
          >
            <input
              type="radio"
              name={name}
              data-testid={`${name}-${item.code}`}
              checked={on}
              disabled={off}
              onChange={(event) =>
                props.onChoose(item.code, (event.nativeEvent as MouseEvent).detail === 0)
              }
            />
            <span className="key">
              <kbd className={props.begun && item.keys.startsWith(props.begun) ? "to-come" : ""}>
                {item.keys}
              </kbd>
            </span>
            <span className="clip">{item.text}</span>
          </label>
        );
      })}
    </fieldset>
  );
}
